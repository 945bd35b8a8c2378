#include "picture.h"

#include <algorithm>
#include <cstring>

#include "arena.h"
#include "pixels.h"
#include "profile.h"

namespace vitrine {
namespace {

constexpr int32_t kBatch = 4;   // rows that go through a horizontal pass together
constexpr int64_t kSlack = 64;  // bytes after a row of our own, for kernels that read ahead
// Rows of a band, at least: where two meet, the rows that both of them see go through the horizontal pass twice.
constexpr int64_t kFewestRows = 32;

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
  void Lay(Pieces& pieces) {
    if (!is_rgb()) converted_ = static_cast<uint8_t*>(pieces.Take(kBatch * RowStride(x_.span)));
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
  void Lay(Pieces& pieces, int32_t pixels, const ResizeEdge& y) {
    stride_ = RowStride(pixels);
    total_ = y.span;
    const int32_t seen = *std::max_element(y.axis.length, y.axis.length + y.axis.outputs);
    capacity_ = int32_t(std::min(int64_t(total_), 2 * int64_t(seen) + kBatch));
    rows_ = static_cast<uint8_t*>(pieces.Take(capacity_ * stride_));
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

// One resize: what it reads, what it writes, and its passes, over any band of the target's rows. Lay comes first.
class Resize {
 public:
  Resize(const Resample& kernel, const PictureView& picture, const ResizeEdge& x, const ResizeEdge& y, bool vertical_first,
         const Target& target)
      : kernel_(kernel), region_(picture, x, y), x_(x), y_(y), vertical_first_(vertical_first || !x.resized), target_(target) {}

  // Memory of one band at a time; its size.
  int64_t Lay(void* memory) {
    Pieces pieces(memory);
    region_.Lay(pieces);
    if (y_.resized && !vertical_first_) window_.Lay(pieces, target_.columns, y_);
    if (y_.resized && vertical_first_ && !region_.is_rgb()) window_.Lay(pieces, x_.span, y_);
    if (y_.resized && vertical_first_ && x_.resized) batch_ = static_cast<uint8_t*>(pieces.Take(kBatch * RowStride(x_.span)));
    return pieces.taken();
  }

  void Rows(int32_t begin, int32_t end) {
    if (!x_.resized && !y_.resized) {
      region_.Convert(begin, end - begin, target_.Row(begin), target_.stride);
    } else if (!y_.resized) {
      HorizontalOnly(begin, end);
    } else if (vertical_first_) {
      VerticalFirst(begin, end);
    } else {
      HorizontalFirst(begin, end);
    }
  }

 private:
  void HorizontalOnly(int32_t begin, int32_t end) {
    const int32_t batch = region_.is_rgb() ? end - begin : kBatch;
    for (int32_t row = begin; row < end; row += batch) {
      const int32_t count = std::min(batch, end - row);
      const RgbRows rows = region_.Rows(row, count);
      kernel_.horizontal(rows.data, rows.stride, rows.readable, target_.Row(row), target_.stride, count, x_.axis);
    }
  }

  void HorizontalFirst(int32_t begin, int32_t end) {
    for (int32_t i = begin; i < end; i++) {
      const int32_t first = y_.axis.first[i];
      const uint8_t* rows = window_.Slide(first, first + y_.axis.length[i], [&](int32_t row, int32_t count, uint8_t* out) {
        const RgbRows source = region_.Rows(row, count);
        kernel_.horizontal(source.data, source.stride, source.readable, out, window_.stride(), count, x_.axis);
      });
      VerticalFrom(kernel_, rows, window_.stride(), target_.Row(i), int64_t(target_.columns) * 3, y_.axis, i);
    }
  }

  // The vertical pass, then the horizontal one where there is one.
  void VerticalFirst(int32_t begin, int32_t end) {
    const int64_t bytes = int64_t(x_.span) * 3, stride = RowStride(x_.span);
    for (int32_t row = begin; row < end; row += kBatch) {
      const int32_t count = std::min(kBatch, end - row);
      for (int32_t r = 0; r < count; r++) {
        const int32_t i = row + r, first = y_.axis.first[i], length = y_.axis.length[i];
        uint8_t* out = x_.resized ? batch_ + r * stride : target_.Row(i);
        if (region_.is_rgb()) {
          const RgbRows rows = region_.Rows(first, length);
          VerticalFrom(kernel_, rows.data, rows.stride, out, bytes, y_.axis, i);
        } else {
          const uint8_t* rows = window_.Slide(first, first + length,
                                              [&](int32_t top, int32_t n, uint8_t* to) { region_.Convert(top, n, to, window_.stride()); });
          VerticalFrom(kernel_, rows, window_.stride(), out, bytes, y_.axis, i);
        }
      }
      if (x_.resized) kernel_.horizontal(batch_, stride, stride, target_.Row(row), target_.stride, count, x_.axis);
    }
  }

  const Resample& kernel_;
  Region region_;
  RowWindow window_;
  const ResizeEdge &x_, &y_;
  const bool vertical_first_;
  const Target target_;
  uint8_t* batch_ = nullptr;
};

Status NoMemory() { return Status::Error("ERR_OUT_OF_MEMORY", "no memory to resize the picture"); }

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

Status CropPicture(const Kernels& kernels, const PictureView& picture, const Geometry& geometry, PictureScratch& scratch, Team& team,
                   uint8_t* crop, int64_t crop_bytes) {
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
  const ResizeEdge* x = edge(scratch.across, picture.width, geometry.resize_width, left, right);
  const ResizeEdge* y = edge(scratch.down, picture.height, geometry.resize_height, top, bottom);
  if (x == nullptr || y == nullptr) return NoMemory();
  const int64_t stride = int64_t(geometry.crop_width) * 3;
  const Target target = {crop + (top - geometry.crop_top) * stride + (left - geometry.crop_left) * 3, stride, int32_t(right - left),
                         int32_t(bottom - top)};
  const Resize resize(kernel, picture, *x, *y, geometry.vertical_first, target);
  const int64_t bands = std::clamp<int64_t>(target.rows / kFewestRows, 1, team.width());
  const bool ran = team.ForEach(bands, Resize(resize).Lay(nullptr), [&](int64_t band, void* memory) {
    const Timed timed(Stage::kPicture);
    Resize part = resize;
    part.Lay(memory);
    part.Rows(int32_t(target.rows * band / bands), int32_t(target.rows * (band + 1) / bands));
  });
  return ran ? Status::Ok() : NoMemory();
}

}  // namespace vitrine
