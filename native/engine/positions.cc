// torch's two bicubic kernels, separably and in double, behind positions.h.
#include "positions.h"

#include <algorithm>
#include <cmath>

namespace vitrine {
namespace {

constexpr size_t kGridsKept = 8;

// Keys' cubic convolution kernel at distance x.
double Cubic(double x, double a) {
  x = std::abs(x);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return ((x - 5) * x + 8) * x * a - 4 * a;
  return 0;
}

ResizeAxis Interpolated(int64_t in, int64_t out, bool align_corners) {
  constexpr double a = -0.75;
  const double scale = align_corners ? (out > 1 ? double(in - 1) / double(out - 1) : 0) : double(in) / double(out);
  ResizeAxis axis{4, {}, {}};
  for (int64_t i = 0; i < out; i++) {
    const double source = align_corners ? scale * double(i) : scale * (double(i) + 0.5) - 0.5;
    const double floor = std::floor(source), t = source - floor;
    for (int64_t j = -1; j <= 2; j++) {
      axis.index.push_back(std::clamp<int64_t>(int64_t(floor) + j, 0, in - 1));
      axis.weight.push_back(Cubic(t - double(j), a));
    }
  }
  return axis;
}

ResizeAxis Antialiased(int64_t in, int64_t out, bool align_corners) {
  constexpr double a = -0.5;
  const double scale = align_corners ? (out > 1 ? double(in - 1) / double(out - 1) : 0) : double(in) / double(out);
  const double widening = std::max(scale, 1.0), support = 2 * widening;
  ResizeAxis axis{int64_t(std::ceil(support)) * 2 + 1, {}, {}};
  for (int64_t i = 0; i < out; i++) {
    const double center = scale * (double(i) + 0.5);
    const int64_t first = std::max<int64_t>(int64_t(center - support + 0.5), 0),
                  last = std::min<int64_t>(int64_t(center + support + 0.5), in);
    double sum = 0;
    const size_t row = axis.weight.size();
    for (int64_t j = 0; j < axis.taps; j++) {
      const double weight = first + j < last ? Cubic((double(first + j) - center + 0.5) / widening, a) : 0;
      axis.index.push_back(std::min(first + j, in - 1));
      axis.weight.push_back(weight);
      sum += weight;
    }
    for (size_t j = row; j < axis.weight.size() && sum != 0; j++) axis.weight[j] /= sum;
  }
  return axis;
}

}  // namespace

ResizeAxis BicubicAxis(int64_t in, int64_t out, PositionResize rule) {
  return rule.antialias ? Antialiased(in, out, rule.align_corners) : Interpolated(in, out, rule.align_corners);
}

std::shared_ptr<const Pages> Positions::Grid(int64_t height, int64_t width) {
  std::lock_guard lock(mutex_);  // held while resizing: others that want the same grid wait for it
  const auto found =
      std::find_if(kept_.begin(), kept_.end(), [&](const Kept& kept) { return kept.height == height && kept.width == width; });
  if (found != kept_.end()) {
    std::rotate(found, found + 1, kept_.end());
    return kept_.back().rows;
  }
  auto rows = Resize(height, width);
  if (rows == nullptr) return nullptr;
  if (kept_.size() == kGridsKept) kept_.erase(kept_.begin());
  kept_.push_back({height, width, rows});
  return rows;
}

std::shared_ptr<const Pages> Positions::Resize(int64_t height, int64_t width) const {
  auto pages = std::make_shared<Pages>();
  if (!pages->Allocate(size_t(height * width * stride_) * sizeof(float))) return nullptr;
  auto* rows = static_cast<float*>(pages->data());
  if (height == grid_height_ && width == grid_width_) {
    for (int64_t n = 0; n < height * width; n++) std::copy_n(table_ + n * dim_, dim_, rows + n * stride_);
    return pages;
  }
  const ResizeAxis vertical = BicubicAxis(grid_height_, height, resize_), horizontal = BicubicAxis(grid_width_, width, resize_);
  std::vector<double> column(size_t(grid_width_ * dim_)), sum(static_cast<size_t>(dim_));
  for (int64_t y = 0; y < height; y++) {
    // The stored rows that output row y is made of, summed vertically; then each of its patches horizontally.
    std::fill(column.begin(), column.end(), 0.0);
    for (int64_t j = 0; j < vertical.taps; j++) {
      const double weight = vertical.weight[size_t(y * vertical.taps + j)];
      const float* stored = table_ + vertical.index[size_t(y * vertical.taps + j)] * grid_width_ * dim_;
      for (size_t i = 0; i < column.size() && weight != 0; i++) column[i] += weight * double(stored[i]);
    }
    for (int64_t x = 0; x < width; x++) {
      std::fill(sum.begin(), sum.end(), 0.0);
      for (int64_t j = 0; j < horizontal.taps; j++) {
        const double weight = horizontal.weight[size_t(x * horizontal.taps + j)];
        const double* from = column.data() + horizontal.index[size_t(x * horizontal.taps + j)] * dim_;
        for (int64_t d = 0; d < dim_ && weight != 0; d++) sum[size_t(d)] += weight * from[d];
      }
      for (int64_t d = 0; d < dim_; d++) rows[(y * width + x) * stride_ + d] = float(sum[size_t(d)]);
    }
  }
  return pages;
}

}  // namespace vitrine
