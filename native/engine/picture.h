// One decoded picture → the uint8 crop that the encoder sees: resize, crop, padding. Before it: binding/arguments.cc; after it: encoder.cc,
// whose patch embedding reads the crop. Byte-equal to Pillow and to torchvision's uint8 path.
#pragma once

#include <cstdint>
#include <memory>

#include "../kernels/kernels.h"
#include "geometry.h"
#include "status.h"

namespace vitrine {

// Buffers of one thread that crops pictures, grown to the largest one seen and kept; the coefficients of the last resize too, so that
// pictures of one size compute them once. Not thread-safe.
class PictureScratch {
 public:
  PictureScratch();
  ~PictureScratch();
  PictureScratch(const PictureScratch&) = delete;
  PictureScratch& operator=(const PictureScratch&) = delete;

  struct Buffers;
  Buffers* buffers() { return buffers_.get(); }

 private:
  std::unique_ptr<Buffers> buffers_;
};

// crop: [geometry.crop_height, geometry.crop_width, 3], crop_bytes of it. Only the part of the picture that the crop shows is read.
// Sizes that do not fit together: ERR_IMAGE_DIMS; no memory: ERR_OUT_OF_MEMORY.
Status CropPicture(const Kernels& kernels, const PictureView& picture, const Geometry& geometry, PictureScratch& scratch, uint8_t* crop,
                   int64_t crop_bytes);

}  // namespace vitrine
