// resample.h: one sum per sample, coefficients as they are.
#include "../resample.h"

#include <cstring>

#include "reference.h"

namespace vitrine::reference {
namespace {

int64_t RowBytes(int32_t taps) { return int64_t(taps) * 4; }

void PackRow(const int32_t* coefficient, int32_t length, int32_t taps, uint8_t* row) {
  std::memset(row, 0, size_t(RowBytes(taps)));
  std::memcpy(row, coefficient, size_t(length) * 4);
}

int32_t Coefficient(const ResampleAxis& axis, int32_t index, int32_t j) {
  int32_t value;
  std::memcpy(&value, axis.packed + index * RowBytes(axis.taps) + j * 4, 4);
  return value;
}

uint8_t Clip(int32_t sum, int32_t bits) {
  const int32_t value = (sum + (1 << (bits - 1))) >> bits;
  return uint8_t(value < 0 ? 0 : value > 255 ? 255 : value);
}

void Horizontal(const uint8_t* source, int64_t stride, int64_t /*readable*/, uint8_t* out, int64_t out_stride, int32_t rows,
                const ResampleAxis& axis) {
  for (int32_t r = 0; r < rows; r++) {
    for (int32_t i = 0; i < axis.outputs; i++) {
      for (int32_t c = 0; c < 3; c++) {
        int32_t sum = 0;
        for (int32_t j = 0; j < axis.length[i]; j++) {
          sum += Coefficient(axis, i, j) * source[r * stride + (int64_t(axis.first[i]) + j) * 3 + c];
        }
        out[r * out_stride + int64_t(i) * 3 + c] = Clip(sum, axis.bits);
      }
    }
  }
}

void Vertical(const uint8_t* source, int64_t stride, uint8_t* out, int64_t bytes, const ResampleAxis& axis, int32_t index) {
  for (int64_t x = 0; x < bytes; x++) {
    int32_t sum = 0;
    for (int32_t j = 0; j < axis.length[index]; j++) {
      sum += Coefficient(axis, index, j) * source[(int64_t(axis.first[index]) + j) * stride + x];
    }
    out[x] = Clip(sum, axis.bits);
  }
}

}  // namespace

const Resample kResample = {.row_bytes = RowBytes, .pack_row = PackRow, .horizontal = Horizontal, .vertical = Vertical};

}  // namespace vitrine::reference
