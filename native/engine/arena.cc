// Blocks of pages behind arena.h.
#include "arena.h"

#include <algorithm>

#include "../platform/red_zone.h"

namespace vitrine {
namespace {

constexpr size_t kAlignment = 64;
constexpr size_t kSmallestBlock = size_t{1} << 20;
constexpr size_t kKeptAlways = size_t{64} << 20;

}  // namespace

void* Arena::Allocate(int64_t bytes) {
  if (bytes < 0 || bytes > INT64_MAX / 4) return nullptr;
  const size_t size = (std::max<size_t>(size_t(bytes), 1) + kAlignment - 1) / kAlignment * kAlignment + kRedZone;
  if (blocks_.empty() || blocks_.back().size() - used_ < size) {
    Pages block;
    if (!block.Allocate(std::max(size, kSmallestBlock))) return nullptr;
    blocks_.push_back(std::move(block));
    used_ = 0;
    Forbid(blocks_.back().data(), blocks_.back().size());
  }
  void* result = static_cast<char*>(blocks_.back().data()) + used_;
  Allow(result, size_t(bytes));
  used_ += size;
  total_ += size;
  return result;
}

void Arena::Reset() {
  size_t held = 0;
  for (const Pages& block : blocks_) held += block.size();
  // One huge image must not hold its memory for ever; two sizes that alternate must not allocate each time.
  const bool lavish = held > kKeptAlways && total_ < held / 8;
  if (blocks_.size() > 1 || lavish) {
    blocks_.clear();
    Pages block;
    if (block.Allocate(lavish ? std::max(total_, kSmallestBlock) : held)) blocks_.push_back(std::move(block));
  }
  for (const Pages& block : blocks_) Forbid(block.data(), block.size());
  used_ = total_ = 0;
}

void Arena::Free() {
  blocks_.clear();
  blocks_.shrink_to_fit();
  used_ = total_ = 0;
}

}  // namespace vitrine
