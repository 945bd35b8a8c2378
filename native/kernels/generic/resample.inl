// resample.h over the int16 multiply-add of an ISA, described in sse2/pairs.h. A coefficient c of 23 bits is two int16, c = 2048·high +
// low, so Σ c·pixel = 2048·Σ high·pixel + Σ low·pixel: two multiply-adds of pairs. The halves may wrap around in 32 bits, the whole does
// not. Packed row: per kTaps taps, kTaps highs, then kTaps lows.

namespace vitrine::VITRINE_ISA_NAMESPACE {
namespace {

inline int32_t TapSteps(int32_t taps) { return (taps + kTaps - 1) / kTaps; }

int64_t ResampleRowBytes(int32_t taps) { return int64_t(TapSteps(taps)) * kTaps * 4; }

void PackResampleRow(const int32_t* coefficient, int32_t length, int32_t taps, uint8_t* row) {
  int16_t* packed = reinterpret_cast<int16_t*>(row);
  for (int32_t step = 0; step < TapSteps(taps); step++, packed += 2 * kTaps) {
    for (int32_t t = 0; t < kTaps; t++) {
      const int32_t j = step * kTaps + t, value = j < length ? coefficient[j] : 0;
      packed[t] = int16_t(value >> 11);
      packed[kTaps + t] = int16_t(value & 2047);
    }
  }
}

// One sample in plain arithmetic, where a vector would read or write too far.
uint8_t ResampleOne(const uint8_t* source, int64_t distance, const uint8_t* row, int32_t length, int32_t bits) {
  const int16_t* packed = reinterpret_cast<const int16_t*>(row);
  int32_t sum = 1 << (bits - 1);
  for (int32_t j = 0; j < length; j++) {
    const int16_t* tap = packed + j / kTaps * 2 * kTaps + j % kTaps;
    sum += (tap[0] * 2048 + tap[kTaps]) * source[j * distance];
  }
  sum >>= bits;
  return uint8_t(sum < 0 ? 0 : sum > 255 ? 255 : sum);
}

// kRows rows share each load of coefficients; `readable` as in the contract, from the last of these rows.
template <int kRows>
void HorizontalRows(const uint8_t* source, int64_t stride, int64_t readable, uint8_t* out, int64_t out_stride, const ResampleAxis& axis) {
  const int64_t row_bytes = ResampleRowBytes(axis.taps);
  const Rounding rounding = MakeRounding(axis.bits);
  for (int32_t i = 0; i < axis.outputs; i++) {
    const uint8_t* packed = axis.packed + i * row_bytes;
    const int64_t begin = int64_t(axis.first[i]) * 3;
    const int32_t steps = TapSteps(axis.length[i]);
    uint8_t* pixel = out + int64_t(i) * 3;
    if (begin + int64_t(steps - 1) * kTaps * 3 + kTapBytes > readable) {
      for (int r = 0; r < kRows; r++) {
        for (int c = 0; c < 3; c++) {
          pixel[r * out_stride + c] = ResampleOne(source + r * stride + begin + c, 3, packed, axis.length[i], axis.bits);
        }
      }
      continue;
    }
    Sums high[kRows], low[kRows];
    for (int r = 0; r < kRows; r++) high[r] = low[r] = ZeroSums();
    const uint8_t* taps = source + begin;
    for (int32_t step = 0; step < steps; step++, taps += kTaps * 3, packed += kTaps * 4) {
      Pairs c_high, c_low;
      LoadTapCoefficients(packed, &c_high, &c_low);
      for (int r = 0; r < kRows; r++) {
        const Pairs pixels = LoadTaps(taps + r * stride);
        high[r] = MulAddPairs(high[r], pixels, c_high);
        low[r] = MulAddPairs(low[r], pixels, c_low);
      }
    }
    Sums four[4];
    for (int r = 0; r < 4; r++) four[r] = JoinSums(high[r % kRows], low[r % kRows]);
    uint8_t rgbx[16];
    StorePixels(four, rounding, rgbx);
    // A fourth byte is overwritten by the next pixel, so the last pixel must not write one.
    if (i + 1 < axis.outputs) {
      for (int r = 0; r < kRows; r++) std::memcpy(pixel + r * out_stride, rgbx + 4 * r, 4);
    } else {
      for (int r = 0; r < kRows; r++) std::memcpy(pixel + r * out_stride, rgbx + 4 * r, 3);
    }
  }
}

void ResampleHorizontal(const uint8_t* source, int64_t stride, int64_t readable, uint8_t* out, int64_t out_stride, int32_t rows,
                        const ResampleAxis& axis) {
  for (; rows >= 4; rows -= 4, source += 4 * stride, out += 4 * out_stride) {
    HorizontalRows<4>(source, stride, readable + int64_t(rows - 4) * stride, out, out_stride, axis);
  }
  for (; rows >= 1; rows--, source += stride, out += out_stride) {
    HorizontalRows<1>(source, stride, readable + int64_t(rows - 1) * stride, out, out_stride, axis);
  }
}

// kRowBlock columns of one output row.
void VerticalBlock(const uint8_t* source, int64_t stride, uint8_t* out, const uint8_t* packed, int32_t length, const Rounding& rounding) {
  Sums high[4], low[4];
  for (int q = 0; q < 4; q++) high[q] = low[q] = ZeroSums();
  for (int32_t j = 0; j < length; j += 2) {
    const uint8_t* pair = packed + j / kTaps * kTaps * 4 + j % kTaps * 2;
    const Pairs c_high = BroadcastPair(pair), c_low = BroadcastPair(pair + kTaps * 2);
    const uint8_t* row = source + j * stride;
    Pairs pixels[4];
    LoadRowPair(row, j + 1 < length ? row + stride : row, pixels);
    for (int q = 0; q < 4; q++) {
      high[q] = MulAddPairs(high[q], pixels[q], c_high);
      low[q] = MulAddPairs(low[q], pixels[q], c_low);
    }
  }
  for (int q = 0; q < 4; q++) high[q] = JoinSums(high[q], low[q]);
  StoreRowBlock(high, rounding, out);
}

void ResampleVertical(const uint8_t* source, int64_t stride, uint8_t* out, int64_t bytes, const ResampleAxis& axis, int32_t index) {
  const uint8_t* packed = axis.packed + index * ResampleRowBytes(axis.taps);
  const int32_t length = axis.length[index];
  source += int64_t(axis.first[index]) * stride;
  if (bytes < kRowBlock) {
    for (int64_t x = 0; x < bytes; x++) out[x] = ResampleOne(source + x, stride, packed, length, axis.bits);
    return;
  }
  const Rounding rounding = MakeRounding(axis.bits);
  for (int64_t x = 0; x + kRowBlock <= bytes; x += kRowBlock) VerticalBlock(source + x, stride, out + x, packed, length, rounding);
  // The last block overlaps the one before: the same bytes once more.
  const int64_t last = bytes - kRowBlock;
  if (bytes % kRowBlock != 0) VerticalBlock(source + last, stride, out + last, packed, length, rounding);
}

constexpr Resample kResample = {
    .row_bytes = ResampleRowBytes, .pack_row = PackResampleRow, .horizontal = ResampleHorizontal, .vertical = ResampleVertical};

}  // namespace
}  // namespace vitrine::VITRINE_ISA_NAMESPACE
