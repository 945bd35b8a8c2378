// Which token rows are wanted: sorted ranges that do not touch. What an output reads, and so what the last block has to compute.
#pragma once

#include <algorithm>
#include <cstdint>

#include "../platform/recycled.h"

namespace vitrine {

// a / b, rounded up
constexpr int64_t Ceil(int64_t a, int64_t b) { return (a + b - 1) / b; }

struct RowRange {
  int64_t begin, end;
  int64_t size() const { return end - begin; }
};

class RowSet {
 public:
  static RowSet All(int64_t rows) {
    RowSet set;
    set.Add({0, rows});
    return set;
  }

  void Add(RowRange added) {
    if (added.begin >= added.end) return;
    auto at = std::find_if(ranges_.begin(), ranges_.end(), [&](const RowRange& range) { return range.end >= added.begin; });
    while (at != ranges_.end() && at->begin <= added.end) {
      added = {std::min(at->begin, added.begin), std::max(at->end, added.end)};
      at = ranges_.erase(at);
    }
    ranges_.insert(at, added);
  }
  // Rows of [0, rows) that are not in the set.
  RowSet Rest(int64_t rows) const {
    RowSet rest;
    int64_t begin = 0;
    for (const RowRange& range : ranges_) {
      rest.Add({begin, range.begin});
      begin = range.end;
    }
    rest.Add({begin, rows});
    return rest;
  }

  // Rows from `first` on that are in the set.
  RowSet From(int64_t first) const {
    RowSet some;
    for (const RowRange& range : ranges_) some.Add({std::max(range.begin, first), range.end});
    return some;
  }
  bool Touches(RowRange other) const {
    return std::any_of(ranges_.begin(), ranges_.end(),
                       [&](const RowRange& range) { return range.begin < other.end && other.begin < range.end; });
  }

  const RecycledVector<RowRange>& ranges() const { return ranges_; }
  bool empty() const { return ranges_.empty(); }
  int64_t count() const {
    int64_t count = 0;
    for (const RowRange& range : ranges_) count += range.size();
    return count;
  }

 private:
  RecycledVector<RowRange> ranges_;
};

// The rows and those that are computed in pairs with them: of `count`, from `first` on two by two.
inline RowSet WithPartners(const RowSet& rows, int64_t first, int64_t count) {
  RowSet all;
  for (RowRange range : rows.ranges()) {
    if (range.begin > first) range.begin -= (range.begin - first) % 2;
    if (range.end > first) range.end = std::min(range.end + (range.end - first) % 2, count);
    all.Add(range);
  }
  return all;
}

}  // namespace vitrine
