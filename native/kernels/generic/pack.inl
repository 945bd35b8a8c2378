// Rows → a panel with the rows as columns: weights for gemm.h, keys for attention.h.

namespace vitrine::VITRINE_ISA_NAMESPACE {
namespace {

// panel[i·columns + n] = rows[n][i] for n < count, i < length; columns [count, columns) are zeros. `columns` is a multiple of kLanes.
__attribute__((noinline)) void PackColumns(const float* const* rows, int64_t count, int64_t columns, int64_t length, float* panel) {
  for (int64_t n = 0; n < columns; n += kLanes) {
    const int64_t present = count - n < 0 ? 0 : count - n < kLanes ? count - n : kLanes;
    const auto square = [&](int64_t i) {
      const float* at[kLanes] = {};
      for (int64_t j = 0; j < present; j++) at[j] = rows[n + j] + i;
      TransposeSquare(at, present, panel + i * columns + n, columns);
    };
    int64_t i = 0;
    for (; i + kLanes <= length; i += kLanes) square(i);
    if (i < length && i > 0) {
      square(length - kLanes);  // some of it again
      continue;
    }
    for (; i < length; i++) {
      for (int64_t j = 0; j < kLanes; j++) {
        float* at = panel + i * columns + n + j;
        *at = 0;
        if (j < present) __builtin_memcpy(at, rows[n + j] + i, sizeof(float));  // pairs of bf16 are not aligned as floats are
      }
    }
  }
}

// Rows of which `unit` values make 32 bits → panel[units][kColumns] of these; the last unit is padded with zeros. convert(row, first,
// count, out) gives values as the panel has them; a null row is zeros.
template <class Convert>
inline void PackUnits(const void* const* rows, int64_t k, int64_t unit, float* panel, Convert&& convert, int64_t present = kColumns,
                      int64_t columns = kColumns) {
  constexpr int64_t kBlock = 16;  // units
  alignas(64) float block[kColumns * kBlock];
  const float* rows_of_block[kColumns];
  for (int64_t n = 0; n < kColumns; n++) rows_of_block[n] = block + n * kBlock;
  for (int64_t first = 0; first < k; first += kBlock * unit) {
    const int64_t count = k - first < kBlock * unit ? k - first : kBlock * unit, units = (count + unit - 1) / unit;
    for (int64_t n = 0; n < present; n++) {
      float* out = block + n * kBlock;
      if (rows[n] == nullptr || count % unit != 0) __builtin_memset(out, 0, kBlock * sizeof(float));
      if (rows[n] != nullptr) convert(rows[n], first, count, out);
    }
    PackColumns(rows_of_block, present, columns, units, panel + first / unit * columns);
  }
}

}  // namespace
}  // namespace vitrine::VITRINE_ISA_NAMESPACE
