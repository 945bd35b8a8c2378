// Rows → a panel with the rows as columns: weights for gemm.h, keys for attention.h.

namespace vitrine::VITRINE_ISA_NAMESPACE {
namespace {

// panel[i·columns + n] = rows[n][i] for n < count, i < length; columns [count, columns) are zeros
inline void PackColumns(const float* const* rows, int64_t count, int64_t columns, int64_t length, float* panel) {
  int64_t n = 0;
  for (; n + 4 <= count; n += 4) {
    int64_t i = 0;
    for (; i + 4 <= length; i += 4) {
      const float* at[4] = {rows[n] + i, rows[n + 1] + i, rows[n + 2] + i, rows[n + 3] + i};
      Transpose4(at, panel + i * columns + n, columns);
    }
    for (; i < length; i++)
      for (int64_t j = n; j < n + 4; j++) panel[i * columns + j] = rows[j][i];
  }
  for (int64_t i = 0; i < length; i++) {
    for (int64_t j = n; j < count; j++) panel[i * columns + j] = rows[j][i];
    for (int64_t j = count; j < columns; j++) panel[i * columns + j] = 0;
  }
}

}  // namespace
}  // namespace vitrine::VITRINE_ISA_NAMESPACE
