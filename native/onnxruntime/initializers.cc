// Block by block of rows: read, transposed and narrowed into place, behind initializers.h.
#include "initializers.h"

#include <algorithm>
#include <string>

#include "../engine/halves.h"

namespace vitrine {
namespace {

constexpr int64_t kBlockValues = int64_t{1} << 18;
constexpr int64_t kMostBytes = int64_t{1} << 40;

// rows [first, first + count) of a matrix [rows, columns] → columns of out [columns, rows].
void Scatter(const float* in, int64_t first, int64_t count, int64_t rows, int64_t columns, int type, void* out) {
  constexpr int64_t kTile = 16;  // lines of the cache that a tile writes
  float tile[kTile];
  for (int64_t column = 0; column < columns; column++) {
    for (int64_t row = 0; row < count; row += kTile) {
      const int64_t taken = std::min(kTile, count - row), at = column * rows + first + row;
      for (int64_t i = 0; i < taken; i++) tile[i] = in[(row + i) * columns + column];
      if (type == kOrtFloat) std::copy_n(tile, taken, static_cast<float*>(out) + at);
      if (type == kOrtFloat16) NarrowF16(tile, static_cast<uint16_t*>(out) + at, taken);
      if (type == kOrtBFloat16) NarrowBF16(tile, static_cast<uint16_t*>(out) + at, taken);
    }
  }
}

}  // namespace

int64_t OrtTypeBytes(int type) {
  switch (type) {
    case kOrtFloat:
      return 4;
    case kOrtFloat16:
    case kOrtBFloat16:
      return 2;
    case kOrtUint8:
      return 1;
    default:
      return 0;
  }
}

Status Initializers::Read(const OrtLibrary& library, const OrtSource& source, const TensorReader& reader,
                          const std::atomic<bool>& cancelled) {
  api_ = &library.api;
  for (const OrtWeight& weight : source.weights) {
    if (cancelled.load()) return Status::Error("ERR_ABORTED", "the load was cancelled");
    if (Status status = ReadOne(library, weight, reader); !status.ok()) return status;
  }
  rows_ = {};
  return reader.CheckUnchanged();
}

Status Initializers::ReadOne(const OrtLibrary& library, const OrtWeight& weight, const TensorReader& reader) {
  const int64_t values = CountValues(weight.dims), width = OrtTypeBytes(weight.type);
  if (values <= 0 || width == 0 || width == 1 || values > kMostBytes / width || (weight.transpose && weight.dims.size() != 2)) {
    return Status::Error("ERR_CHECKPOINT_INVALID", "weight " + weight.name + ": impossible dims or type");
  }
  if (Status status = reader.Check(weight.tensor, values, weight.name.c_str()); !status.ok()) return status;
  Pages pages;
  if (!pages.Allocate(size_t(values * width)))
    return Status::Error("ERR_OUT_OF_MEMORY", "weight " + weight.name + ": no memory for " + std::to_string(values * width) + " bytes");
  void* data = pages.data();
  memory_.push_back(std::move(pages));
  bytes_ += values * width;
  OrtValue* value = nullptr;
  if (OrtStatus* status = api_->CreateTensorWithDataAsOrtValue(library.cpu_memory, data, size_t(values * width), weight.dims.data(),
                                                               weight.dims.size(), weight.type, &value))
    return Status::Error("ERR_INTERNAL", "weight " + weight.name + ": " + TakeOrtMessage(*api_, status));
  values_.emplace_back(value, api_->ReleaseValue);
  names_.push_back(weight.name.c_str());

  if (!weight.transpose && weight.type == kOrtFloat) return reader.ReadRows(weight.tensor, 0, 1, values, static_cast<float*>(data));
  // Stored rows: of the matrix [out, in], else pieces of any length.
  const int64_t columns = weight.transpose ? weight.dims[0] : std::min(values, kBlockValues);
  const int64_t rows = weight.transpose ? weight.dims[1] : values / columns;
  const int64_t block = std::max<int64_t>(1, std::min(rows, kBlockValues / columns));
  rows_.resize(size_t(std::max(block * columns, int64_t{1})));
  for (int64_t first = 0; first < rows; first += block) {
    const int64_t count = std::min(block, rows - first);
    if (Status status = reader.ReadRows(weight.tensor, first, count, columns, rows_.data()); !status.ok()) return status;
    if (weight.transpose) {
      Scatter(rows_.data(), first, count, rows, columns, weight.type, data);
    } else {
      (weight.type == kOrtFloat16 ? NarrowF16 : NarrowBF16)(rows_.data(), static_cast<uint16_t*>(data) + first * columns, count * columns);
    }
  }
  const int64_t done = rows * columns, rest = values - done;  // the last and shorter piece
  if (rest > 0) {
    if (Status status = reader.ReadRows(weight.tensor, done, rest, 1, rows_.data()); !status.ok()) return status;
    (weight.type == kOrtFloat16 ? NarrowF16 : NarrowBF16)(rows_.data(), static_cast<uint16_t*>(data) + done, rest);
  }
  return Status::Ok();
}

OrtStatus* Initializers::AddTo(OrtSessionOptions* options) const {
  if (values_.empty()) return nullptr;
  std::vector<const OrtValue*> values;
  for (const auto& value : values_) values.push_back(value.get());
  return api_->AddExternalInitializers(options, names_.data(), values.data(), values.size());
}

}  // namespace vitrine
