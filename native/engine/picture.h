// One decoded picture → the uint8 crop that the encoder sees: resize, crop, padding. Before it: binding/arguments.cc; after it: encoder.cc,
// whose patch embedding reads the crop. Byte-equal to Pillow and to torchvision's uint8 path.
#pragma once

#include <cstdint>

#include "../kernels/kernels.h"
#include "geometry.h"
#include "resize_axis.h"
#include "status.h"
#include "team.h"

namespace vitrine {

// What one thread that crops pictures keeps: the coefficients of a size are made once. Not thread-safe.
struct PictureScratch {
  ResizeEdgeCache across, down;
};

// The rows of the crop are cut into a band for each thread of the team. crop: [geometry.crop_height, geometry.crop_width, 3], which is
// `crop_bytes` bytes. Only the part of the picture that the crop shows is read. Sizes that do not fit together: ERR_IMAGE_DIMS; no memory:
// ERR_OUT_OF_MEMORY. The message does not name the image: the caller does.
Status CropPicture(const Kernels& kernels, const PictureView& picture, const Geometry& geometry, PictureScratch& scratch, Team& team,
                   uint8_t* crop, int64_t crop_bytes);

}  // namespace vitrine
