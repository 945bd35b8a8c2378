#include "picture.h"

#include <algorithm>
#include <cstring>

#include "pixels.h"

namespace vitrine {
namespace {

constexpr int32_t kBatch = 4;   // rows that go through a horizontal pass together
constexpr int64_t kSlack = 64;  // bytes after a row of our own, for kernels that read ahead

int64_t RowStride(int32_t pixels) { return (int64_t(pixels) * 3 + kSlack + 63) / 64 * 64; }

// Rows of our own or of the picture; from the last one's start `readable` bytes may be read.
struct RgbRows {
  const uint8_t* data;
  int64_t stride, readable;
};

// The part of the picture that is read, as RGB.
class Region {
 public:
  Region(const PictureView& picture, const ResizeEdge& x, const ResizeEdge& y) : picture_(picture), x_(x), y_(y) {}

  bool is_rgb() const { return picture_.layout == PixelLayout::kRgb; }
  bool Allocate(Arena& arena) {
    if (is_rgb()) return true;
    converted_ = arena.Array<uint8_t>(kBatch * RowStride(x_.span));
    return converted_ != nullptr;
  }

  // Rows [row, row + count): where they lie in the picture, or converted; then count ≤ kBatch and the last call's rows are gone.
  RgbRows Rows(int32_t row, int32_t count) {
    if (is_rgb()) return {At(row), int64_t(picture_.width) * 3, picture_.data + picture_.bytes - At(row + count - 1)};
    const int64_t stride = RowStride(x_.span);
    Convert(row, count, converted_, stride);
    return {converted_, stride, stride};
  }
  void Convert(int32_t row, int32_t count, uint8_t* out, int64_t stride) const {
    for (int32_t r = 0; r < count; r++) ToRgb(picture_.layout, At(row + r), x_.span, out + r * stride);
  }

 private:
  const uint8_t* At(int32_t row) const {
    return picture_.data + ((int64_t(y_.origin) + row) * picture_.width + x_.origin) * BytesPerPixel(picture_.layout);
  }

  const PictureView& picture_;
  const ResizeEdge& x_;
  const ResizeEdge& y_;
  uint8_t* converted_ = nullptr;
};

// Rows made in order, each once, of which a vertical pass sees a few at a time: they stay in the cache.
class RowWindow {
 public:
  bool Allocate(Arena& arena, int32_t pixels, const ResizeEdge& y) {
    stride_ = RowStride(pixels);
    total_ = y.span;
    const int32_t seen = *std::max_element(y.axis.length, y.axis.length + y.axis.outputs);
    capacity_ = int32_t(std::min(int64_t(total_), 2 * int64_t(seen) + kBatch));
    rows_ = arena.Array<uint8_t>(capacity_ * stride_);
    return rows_ != nullptr;
  }
  int64_t stride() const { return stride_; }

  // Row `begin`, with the rows up to `end` after it; make(row, count, out) fills new ones. `begin` never goes back.
  template <class Make>
  const uint8_t* Slide(int32_t begin, int32_t end, Make make) {
    if (begin > next_) next_ = base_ = begin;
    while (next_ < end) {
      const int32_t count = std::min(kBatch, total_ - next_);
      if (next_ + count - base_ > capacity_) {
        std::memmove(rows_, rows_ + (begin - base_) * stride_, size_t((next_ - begin) * stride_));
        base_ = begin;
      }
      make(next_, count, rows_ + (next_ - base_) * stride_);
      next_ += count;
    }
    return rows_ + (begin - base_) * stride_;
  }

 private:
  uint8_t* rows_ = nullptr;
  int64_t stride_ = 0;
  int32_t total_ = 0, capacity_ = 0;
  int32_t base_ = 0, next_ = 0;  // rows [base_, next_) are there
};

// The visible part of the crop, row by row.
struct Target {
  uint8_t* data;
  int64_t stride;
  int32_t columns, rows;
  uint8_t* Row(int32_t row) const { return data + row * stride; }
};

Status NoMemory() { return Status::Error("ERR_OUT_OF_MEMORY", "no memory to resize the picture"); }

// `kernel.vertical` reads from its axis's first row; a window begins there already.
void VerticalFrom(const Resample& kernel, const uint8_t* first_row, int64_t stride, uint8_t* out, int64_t bytes, const ResampleAxis& axis,
                  int32_t index) {
  const int32_t zero = 0;
  ResampleAxis one = axis;
  one.first = &zero;
  one.length = axis.length + index;
  one.packed = axis.packed + index * kernel.row_bytes(axis.taps);
  one.outputs = 1;
  kernel.vertical(first_row, stride, out, bytes, one, 0);
}

Status HorizontalOnly(const Resample& kernel, Region& region, const ResizeEdge& x, const Target& target) {
  const int32_t batch = region.is_rgb() ? target.rows : kBatch;
  for (int32_t row = 0; row < target.rows; row += batch) {
    const int32_t count = std::min(batch, target.rows - row);
    const RgbRows rows = region.Rows(row, count);
    kernel.horizontal(rows.data, rows.stride, rows.readable, target.Row(row), target.stride, count, x.axis);
  }
  return Status::Ok();
}

Status HorizontalFirst(const Resample& kernel, Region& region, const ResizeEdge& x, const ResizeEdge& y, Arena& arena,
                       const Target& target) {
  RowWindow window;
  if (!window.Allocate(arena, target.columns, y)) return NoMemory();
  for (int32_t i = 0; i < target.rows; i++) {
    const int32_t begin = y.axis.first[i];
    const uint8_t* rows = window.Slide(begin, begin + y.axis.length[i], [&](int32_t row, int32_t count, uint8_t* out) {
      const RgbRows source = region.Rows(row, count);
      kernel.horizontal(source.data, source.stride, source.readable, out, window.stride(), count, x.axis);
    });
    VerticalFrom(kernel, rows, window.stride(), target.Row(i), int64_t(target.columns) * 3, y.axis, i);
  }
  return Status::Ok();
}

// The vertical pass, then the horizontal one where there is one.
Status VerticalFirst(const Resample& kernel, Region& region, const ResizeEdge& x, const ResizeEdge& y, Arena& arena, const Target& target) {
  RowWindow window;
  if (!region.is_rgb() && !window.Allocate(arena, x.span, y)) return NoMemory();
  const int64_t bytes = int64_t(x.span) * 3, stride = RowStride(x.span);
  uint8_t* batch = x.resized ? arena.Array<uint8_t>(kBatch * stride) : nullptr;
  if (x.resized && batch == nullptr) return NoMemory();

  for (int32_t row = 0; row < target.rows; row += kBatch) {
    const int32_t count = std::min(kBatch, target.rows - row);
    for (int32_t r = 0; r < count; r++) {
      const int32_t i = row + r, begin = y.axis.first[i], length = y.axis.length[i];
      uint8_t* out = x.resized ? batch + r * stride : target.Row(i);
      if (region.is_rgb()) {
        const RgbRows rows = region.Rows(begin, length);
        VerticalFrom(kernel, rows.data, rows.stride, out, bytes, y.axis, i);
      } else {
        const uint8_t* rows = window.Slide(begin, begin + length,
                                           [&](int32_t first, int32_t n, uint8_t* to) { region.Convert(first, n, to, window.stride()); });
        VerticalFrom(kernel, rows, window.stride(), out, bytes, y.axis, i);
      }
    }
    if (x.resized) kernel.horizontal(batch, stride, stride, target.Row(row), target.stride, count, x.axis);
  }
  return Status::Ok();
}

void FillPadding(const uint8_t pad[3], uint8_t* crop, int64_t crop_bytes) {
  for (int64_t i = 0; i < crop_bytes; i += 3) std::memcpy(crop + i, pad, 3);
}

bool Side(int32_t n) { return n >= 1 && n <= kLargestSide; }

Status CheckSizes(const PictureView& picture, const Geometry& geometry, int64_t crop_bytes) {
  const auto size = [](int64_t width, int64_t height) { return std::to_string(width) + "×" + std::to_string(height); };
  if (!Side(picture.width) || !Side(picture.height) || !Side(geometry.resize_width) || !Side(geometry.resize_height) ||
      !Side(geometry.crop_width) || !Side(geometry.crop_height)) {
    return Status::Error("ERR_IMAGE_DIMS", "a picture of " + size(picture.width, picture.height) + " pixels, resized to " +
                                               size(geometry.resize_width, geometry.resize_height) + ", cropped to " +
                                               size(geometry.crop_width, geometry.crop_height) + ": expected sides of 1 to " +
                                               std::to_string(kLargestSide));
  }
  const int64_t needed = int64_t(picture.width) * picture.height * BytesPerPixel(picture.layout);
  if (picture.data == nullptr || picture.bytes != needed) {
    return Status::Error("ERR_IMAGE_DIMS", "a picture of " + size(picture.width, picture.height) + " pixels needs " +
                                               std::to_string(needed) + " bytes, found " + std::to_string(picture.bytes));
  }
  const int64_t crop_needed = int64_t(geometry.crop_width) * geometry.crop_height * 3;
  if (crop_bytes != crop_needed) {
    return Status::Error("ERR_IMAGE_DIMS", "a crop of " + size(geometry.crop_width, geometry.crop_height) + " pixels needs " +
                                               std::to_string(crop_needed) + " bytes, found " + std::to_string(crop_bytes));
  }
  return Status::Ok();
}

}  // namespace

Status CropPicture(const Kernels& kernels, const PictureView& picture, const Geometry& geometry, PictureScratch& scratch, uint8_t* crop,
                   int64_t crop_bytes) {
  Arena& arena = scratch.arena;
  arena.Reset();
  if (Status status = CheckSizes(picture, geometry, crop_bytes); !status.ok()) return status;

  // What of the resized picture the crop shows.
  const int64_t left = std::max(geometry.crop_left, 0), top = std::max(geometry.crop_top, 0);
  const int64_t right = std::min(int64_t(geometry.crop_left) + geometry.crop_width, int64_t(geometry.resize_width));
  const int64_t bottom = std::min(int64_t(geometry.crop_top) + geometry.crop_height, int64_t(geometry.resize_height));
  const bool visible = left < right && top < bottom;
  if (!visible || right - left < geometry.crop_width || bottom - top < geometry.crop_height) FillPadding(geometry.pad, crop, crop_bytes);
  if (!visible) return Status::Ok();

  const Resample& kernel = kernels.resample;
  const auto edge = [&](ResizeEdgeCache& cache, int32_t in, int32_t out, int64_t begin, int64_t end) {
    return cache.Get({&kernel, geometry.filter, geometry.coefficients, in, out, int32_t(begin), int32_t(end)});
  };
  const ResizeEdge* across = edge(scratch.across, picture.width, geometry.resize_width, left, right);
  const ResizeEdge* down = edge(scratch.down, picture.height, geometry.resize_height, top, bottom);
  if (across == nullptr || down == nullptr) return NoMemory();
  const ResizeEdge &x = *across, &y = *down;
  const int64_t stride = int64_t(geometry.crop_width) * 3;
  const Target target = {crop + (top - geometry.crop_top) * stride + (left - geometry.crop_left) * 3, stride, int32_t(right - left),
                         int32_t(bottom - top)};
  Region region(picture, x, y);
  if (!region.Allocate(arena)) return NoMemory();

  if (!x.resized && !y.resized) {
    region.Convert(0, target.rows, target.data, target.stride);
    return Status::Ok();
  }
  if (!y.resized) return HorizontalOnly(kernel, region, x, target);
  if (!x.resized || geometry.vertical_first) return VerticalFirst(kernel, region, x, y, arena, target);
  return HorizontalFirst(kernel, region, x, y, arena, target);
}

}  // namespace vitrine
