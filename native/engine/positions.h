// Position embeddings for any grid of patches. Before it: weights.h, which holds the stored table; after it: encoder.h, which adds them.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "../platform/memory.h"
#include "spec.h"

namespace vitrine {

// One axis of torch.nn.functional.interpolate(mode='bicubic') from `in` to `out` samples: out[i] = Σⱼ weight[i·taps + j] · in[index[i·taps
// + j]]. Without antialias a = -0.75 and borders repeat; with antialias a = -0.5, the filter widens when shrinking, and weights are
// normalised.
struct ResizeAxis {
  int64_t taps;
  std::vector<int64_t> index;
  std::vector<double> weight;
};
ResizeAxis BicubicAxis(int64_t in, int64_t out, PositionResize rule);

class Positions {
 public:
  // `table` [grid_height·grid_width, dim] must outlive this. Grids have rows of `stride` floats, zeros beyond dim.
  Positions(const float* table, int64_t grid_height, int64_t grid_width, int64_t dim, int64_t stride, PositionResize resize)
      : table_(table), grid_height_(grid_height), grid_width_(grid_width), dim_(dim), stride_(stride), resize_(resize) {}

  // Rows of a grid, row by row; as stored where it is the stored one, else resized, in double. Kept for the next call. Null: no memory.
  std::shared_ptr<const Pages> Grid(int64_t height, int64_t width);

 private:
  std::shared_ptr<const Pages> Resize(int64_t height, int64_t width) const;

  const float* table_;
  const int64_t grid_height_, grid_width_, dim_, stride_;
  const PositionResize resize_;

  struct Kept {
    int64_t height, width;
    std::shared_ptr<const Pages> rows;
  };
  std::mutex mutex_;
  std::vector<Kept> kept_;  // the one used last at the end
};

}  // namespace vitrine
