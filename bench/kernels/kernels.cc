// The kernels of an encoder block, each timed alone on one thread, with the instruction set that VITRINE_ISA names or the best. Built by
// CMakeLists.txt as vitrine_bench_kernels. Usage: DIM TOKENS fp32|bf16|int8 MILLISECONDS → one line of JSON: instruction set, peak in
// FLOP/s, and of every stage the FLOPs and the least seconds of a call. Before it: ../kernels.mjs; it cuts the work as engine/block.cc
// does.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "kernels/dispatch.h"
#include "peak.h"

namespace vitrine::bench {
namespace {

constexpr int64_t kHeadDim = 64;
constexpr int64_t kRowsPerChunk = 200;  // as engine/block.cc

struct Stage {
  std::string name;
  double flops;
  std::function<void()> run;
  double best = 1e9;
};

// Zeroed or random memory, 4 KiB aligned, that lives as long as the process
void* Zeros(int64_t bytes) {
  const size_t size = (size_t(bytes) + 8191) / 4096 * 4096;
  void* memory = std::aligned_alloc(4096, size);
  if (memory == nullptr) std::exit(1);
  return std::memset(memory, 0, size);
}

float* Random(int64_t count, float largest) {
  static uint32_t state = 1;
  auto* values = static_cast<float*>(Zeros(count * 4));
  for (int64_t i = 0; i < count; i++) {
    state = state * 1664525u + 1013904223u;
    values[i] = (float(state >> 8) / 8388608.f - 1) * largest;
  }
  return values;
}

// The same as `number`; the upper halves serve as bf16, bytes cover their range
void* RandomOf(Number number, int64_t count, float largest) {
  float* floats = Random(count, largest);
  if (number == Number::kF32) return floats;
  if (number == Number::kU8) {
    auto* bytes = static_cast<uint8_t*>(Zeros(count));
    for (int64_t i = 0; i < count; i++) bytes[i] = uint8_t(int(floats[i] / largest * 127) + 128);
    return bytes;
  }
  auto* words = static_cast<uint16_t*>(Zeros(count * 2));
  for (int64_t i = 0; i < count; i++) {
    uint32_t bits;
    std::memcpy(&bits, floats + i, 4);
    words[i] = uint16_t(bits >> 16);
  }
  return words;
}

int64_t Ceil(int64_t a, int64_t b) { return (a + b - 1) / b; }

// Whole cache lines, and no multiple of 4 KiB
int64_t Stride(int64_t columns) {
  const int64_t stride = Ceil(columns, 32) * 32;
  return stride % 1024 == 0 ? stride + 16 : stride;
}

// All panels for each chunk of rows; in pairs where there is scratch for that
void Multiply(const Gemm& gemm, GemmCall call, void* scratch) {
  const int64_t rows = call.row_end, panels = call.panel_end, chunks = Ceil(rows, kRowsPerChunk);
  for (int64_t chunk = 0; chunk < chunks; chunk++) {
    call.row_begin = rows * chunk / chunks, call.row_end = rows * (chunk + 1) / chunks;
    if (scratch == nullptr) {
      gemm.run(call);
    } else {
      call.panel_end = panels / 2;
      gemm.run_pairs({call, panels, scratch});
    }
  }
}

template <class T>
T* Filled(int64_t count, T value) {
  auto* values = static_cast<T*>(Zeros(count * int64_t(sizeof(T))));
  std::fill_n(values, count, value);
  return values;
}

Stage Product(const char* name, const Gemm& gemm, int64_t rows, int64_t k, int64_t n, Epilogue epilogue, Activation activation,
              Number result) {
  const int64_t panels = Ceil(n, gemm.columns), bytes = gemm.panel_bytes(k);
  const bool is_bytes = gemm.input == Number::kU8;
  const float* weights = Random(k * gemm.columns, is_bytes ? 127 : 2 / __builtin_sqrtf(float(k)));
  std::vector<int8_t> quantised(weights, weights + (is_bytes ? k * gemm.columns : 0));
  std::vector<const void*> columns;
  for (int64_t j = 0; j < gemm.columns; j++)
    columns.push_back(is_bytes ? static_cast<const void*>(quantised.data() + j * k) : weights + j * k);
  auto* packed = static_cast<std::byte*>(Zeros(panels * bytes));
  for (int64_t panel = 0; panel < panels; panel++) gemm.pack_panel(columns.data(), k, packed + panel * bytes);
  GemmCall call{};
  call.a = RandomOf(gemm.input, rows * Stride(k), 1), call.lda = Stride(k);
  if (is_bytes) {
    call.a_scale = Filled(rows, 0.01f), call.a_zero = Filled(rows, int32_t{128});
    call.column_scale = Filled(panels * gemm.columns, 0.01f / __builtin_sqrtf(float(k)));
    call.column_sum = Filled(panels * gemm.columns, int32_t{100});
  }
  call.panels = packed, call.bias = Random(panels * gemm.columns, 0.2f);
  call.c = Zeros(rows * Stride(n) * 4), call.c_number = result, call.ldc = Stride(panels * gemm.columns);
  call.k = k, call.row_end = rows, call.panel_end = panels, call.epilogue = epilogue, call.activation = activation;
  const bool pairs = gemm.run_pairs != nullptr && panels % 2 == 0 && rows > 1;  // dim, a multiple of 64, is one of whole units
  void* scratch = pairs ? Zeros(gemm.pair_scratch_bytes(k, std::min(rows, kRowsPerChunk))) : nullptr;
  return {name, 2.0 * double(rows * k * n), [=, &gemm] { Multiply(gemm, call, scratch); }};
}

void AddAttention(std::vector<Stage>& stages, const Attention& attention, int64_t tokens, int64_t dim) {
  const int64_t heads = dim / kHeadDim, ld = Stride(3 * dim), size = BytesOf(attention.input);
  const int64_t key_bytes = attention.key_bytes(tokens, kHeadDim), value_bytes = attention.value_bytes(tokens, kHeadDim);
  auto* qkv = static_cast<std::byte*>(RandomOf(attention.input, tokens * ld, 2));
  auto* keys = static_cast<std::byte*>(Zeros(heads * key_bytes));
  auto* values = static_cast<std::byte*>(Zeros(heads * value_bytes));
  auto* out = static_cast<std::byte*>(Zeros(tokens * Stride(dim) * 4));
  void* scratch = Zeros(attention.scratch_bytes(tokens, kHeadDim));
  stages.push_back({"pack keys, values", 0, [=, &attention] {
                      for (int64_t h = 0; h < heads; h++) {
                        const std::byte* k = qkv + (dim + h * kHeadDim) * size;
                        attention.pack(k, k + dim * size, ld, tokens, kHeadDim, keys + h * key_bytes, values + h * value_bytes);
                      }
                    }});
  stages.push_back({"attention", 4.0 * double(tokens * tokens * dim), [=, &attention] {
                      for (int64_t h = 0; h < heads; h++) {
                        AttentionCall call{};
                        call.q = qkv + h * kHeadDim * size, call.ldq = ld;
                        call.key_panels = keys + h * key_bytes, call.value_panels = values + h * value_bytes;
                        call.tokens = tokens, call.head_dim = kHeadDim, call.query_end = tokens, call.scale = 0.125f;
                        call.out = out + h * kHeadDim * size, call.ldo = Stride(dim), call.scratch = scratch;
                        attention.run(call);
                      }
                    }});
}

Stage Norm(LayerNormFn norm, Number result, int64_t rows, int64_t dim) {
  LayerNormCall call{};
  call.x = Random(rows * Stride(dim), 1), call.ldx = Stride(dim);
  call.y = Zeros(rows * Stride(dim) * 4), call.y_number = result, call.ldy = Stride(dim);
  call.y_scale = Filled(rows, 0.f), call.y_zero = Filled(rows, int32_t{0});
  call.gamma = Random(dim, 1), call.beta = Random(dim, 1), call.rows = rows, call.dim = dim, call.eps = 1e-6f;
  return {"norm", 0, [=] { norm(call); }};
}

Stage Quantize(const char* name, QuantizeFn quantize, int64_t rows, int64_t dim) {
  QuantizeCall call{};
  call.x = RandomOf(Number::kBf16, rows * Stride(dim), 1), call.x_number = Number::kBf16, call.ldx = Stride(dim);
  call.y = static_cast<uint8_t*>(Zeros(rows * Stride(dim))), call.ldy = Stride(dim);
  call.scale = Filled(rows, 0.f), call.zero = Filled(rows, int32_t{0});
  call.rows = rows, call.dim = dim;
  return {name, 0, [=] { quantize(call); }};
}

}  // namespace
}  // namespace vitrine::bench

int main(int argc, char** argv) {
  using namespace vitrine;
  using namespace vitrine::bench;
  const int64_t dim = argc == 5 ? std::atoi(argv[1]) : 0, tokens = argc == 5 ? std::atoi(argv[2]) : 0;
  if (dim < kHeadDim || dim % kHeadDim != 0 || tokens < 1) {
    std::fprintf(stderr, "usage: DIM (a multiple of %d) TOKENS fp32|bf16|int8 MILLISECONDS\n", int(kHeadDim));
    return 1;
  }
  const IsaEntry* isa;
  if (const Status status = ActiveIsa(&isa); !status.ok()) {
    std::fprintf(stderr, "%s\n", status.message.c_str());
    return 1;
  }
  const Kernels& kernels = *isa->kernels;
  const bool int8 = std::strcmp(argv[3], "int8") == 0, narrow = int8 || std::strcmp(argv[3], "bf16") == 0;
  const Gemm& gemm = int8 ? kernels.gemm_int8 : narrow ? kernels.gemm_bf16 : kernels.gemm;
  const bool pairs_of_bf16 = kernels.gemm_bf16.input == Number::kBf16;
  const Attention& attention = !narrow ? kernels.attention : pairs_of_bf16 ? kernels.attention_bf16 : kernels.attention_int16;
  const Number normed = gemm.input;                                                 // what a norm writes for a product
  const Number between = int8 ? Number::kBf16 : normed, queries = attention.input;  // what a product writes for the next, for attention
  std::vector<Stage> stages;
  stages.push_back(Product("qkv", gemm, tokens, dim, 3 * dim, Epilogue::kStore, Activation::kNone, queries));
  AddAttention(stages, attention, tokens, dim);
  if (int8) stages.push_back(Quantize("quantize", kernels.quantize, tokens, dim));
  stages.push_back(Product("projection", gemm, tokens, dim, dim, Epilogue::kResidual, Activation::kNone, Number::kF32));
  stages.push_back(Product("fc1 + GELU", gemm, tokens, dim, 4 * dim, Epilogue::kStore, Activation::kGelu, between));
  if (int8) stages.push_back(Quantize("quantize hidden", kernels.quantize, tokens, 4 * dim));
  stages.push_back(Product("fc2", gemm, tokens, 4 * dim, dim, Epilogue::kResidual, Activation::kNone, Number::kF32));
  stages.push_back(Norm(kernels.layer_norm, normed, tokens, dim));

  const double end = Seconds() + std::atof(argv[4]) / 1000;
  double peak = 0;
  for (int round = 0; round < 3 || Seconds() < end; round++) {
    peak = std::max(peak, Peak(isa->name, gemm.input));
    for (Stage& stage : stages) {
      stage.run();
      const double start = Seconds();
      stage.run();
      stage.best = std::min(stage.best, Seconds() - start);
    }
  }
  std::printf("{\"isa\":\"%s\",\"peak\":%.4g,\"stages\":[", isa->name, peak);
  for (const Stage& stage : stages)
    std::printf("%s{\"name\":\"%s\",\"flops\":%.0f,\"seconds\":%.4g}", &stage == stages.data() ? "" : ",", stage.name.c_str(), stage.flops,
                stage.best);
  std::printf("]}\n");
}
