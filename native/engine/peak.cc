// Timing the register tile, behind peak.h.
#include "peak.h"

#include <algorithm>
#include <chrono>
#include <cstring>

#include "../platform/memory.h"

namespace vitrine {
namespace {

constexpr int64_t kUnits = 128;  // of 32 bits: a tile and a panel of so many fit into 32 KB

// Nanoseconds of one product of a whole tile by a panel, the least of many.
double Least(const GemmCall& call, const Gemm& gemm) {
  double least = 1e18;
  for (int round = 0; round < 200; round++) {
    const auto begun = std::chrono::steady_clock::now();
    for (int i = 0; i < 8; i++) gemm.run(call);
    const std::chrono::duration<double, std::nano> spent = std::chrono::steady_clock::now() - begun;
    least = std::min(least, spent.count() / 8);
  }
  return least;
}

}  // namespace

double PeakOf(const Gemm& gemm) {
  const int64_t k = kUnits * UnitOf(gemm.input), rows = gemm.rows, columns = gemm.columns;
  const int64_t a_bytes = (rows * kUnits * 4 + 63) / 64 * 64, panel = gemm.panel_bytes(k), vector = (columns + 15) / 16 * 64;
  const int64_t row_vector = (rows + 15) / 16 * 64;
  Pages memory;
  if (!memory.Allocate(size_t(a_bytes + panel + 2 * vector + 2 * row_vector + rows * columns * 4))) return 0;
  auto* at = static_cast<std::byte*>(memory.data());
  std::memset(at, 0, memory.size());
  const auto take = [&at](int64_t bytes) {
    std::byte* taken = at;
    at += bytes;
    return taken;
  };
  GemmCall call{};
  call.a = take(a_bytes), call.lda = k;
  call.panels = take(panel);
  call.column_scale = reinterpret_cast<float*>(take(vector)), call.column_sum = reinterpret_cast<int32_t*>(take(vector));
  call.a_scale = reinterpret_cast<float*>(take(row_vector)), call.a_zero = reinterpret_cast<int32_t*>(take(row_vector));
  call.c = at, call.c_number = Number::kF32, call.ldc = columns;
  call.row_end = rows, call.panel_end = 1;
  call.epilogue = Epilogue::kStore, call.activation = Activation::kNone;
  call.k = k;
  Least(call, gemm);  // the clock goes up
  const double whole = Least(call, gemm);
  call.k = k / 2;
  const double half = Least(call, gemm);
  return 2 * double(rows * columns * k / 2) / (whole - half);
}

}  // namespace vitrine
