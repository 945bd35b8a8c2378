// One image through the encoder. Before it: scheduler.h, whose task calls Encode on a pool thread; after it: pool.h. Letters: H×W pixels,
// T tokens (prefix rows, then patches row by row), D width, L blocks.
#pragma once

#include <atomic>
#include <span>

#include "geometry.h"
#include "spec.h"
#include "status.h"
#include "thread_pool.h"
#include "token_merge.h"
#include "weights.h"

namespace vitrine {

// A picture with what to do to it, or planes of pixel values [3, H, W] already normalised.
struct ImageInput {
  PictureView picture{};
  Geometry geometry{};
  const float* planes = nullptr;
  int32_t height = 0, width = 0;  // H, W: of the crop or of the planes
};

// T of an image of H×W pixels; ERR_IMAGE_SIZE where the patch does not divide a side or the size is beyond what is computed.
Status CountTokens(const Weights& weights, int32_t height, int32_t width, int64_t* tokens);

// Floats of one image's result, where `merging` may have left fewer than T tokens; ERR_POOL_UNAVAILABLE where the output reads what is not
// there, or attention of merged tokens.
Status ResultLength(const Weights& weights, int64_t tokens, const MergeSchedule& merging, const Output& output, int64_t* length);

// Writes outputs[i] to destinations[i], OutputLength floats of the tokens that `merging` leaves after its layer. ERR_ABORTED within a block
// after `cancelled` was raised; ERR_IMAGE_DIMS, ERR_IMAGE_SIZE, ERR_POOL_UNAVAILABLE, ERR_OUT_OF_MEMORY. The bits of a result depend on the
// image, the weights and the kernels alone.
Status Encode(const Weights& weights, const ImageInput& image, const MergeSchedule& merging, std::span<const Output> outputs,
              std::span<float* const> destinations, const std::atomic<bool>& cancelled, Worker& worker);

}  // namespace vitrine
