// The stages of an encoder block over a team of threads: each function is one phase (team.h), cut into chunks of rows and panels, or of
// heads and queries. Before it: encoder.h, which puts them in order; after it: the kernels. No cut changes a bit: kernels sum in an order
// that depends on the inner length alone.
#pragma once

#include <cstddef>

#include "../kernels/kernels.h"
#include "row_set.h"
#include "team.h"
#include "weights.h"

namespace vitrine {

// A row-major matrix in the arena. The stride is in values.
struct Matrix {
  void* data = nullptr;
  int64_t stride = 0;
  Number number = Number::kF32;
  float* scale = nullptr;   // kU8: of each row
  int32_t* zero = nullptr;  // kU8
  std::byte* bytes(int64_t row, int64_t column = 0) const {
    return static_cast<std::byte*>(data) + (row * stride + column) * BytesOf(number);
  }
  // kF32
  float* row(int64_t index) const { return static_cast<float*>(data) + index * stride; }
};

struct Stages {
  const Kernels& kernels;
  Team& team;

  // y[rows] = LayerNorm(x[rows]), as y's numbers; y may be x where these are floats.
  void Norm(const PackedNorm& norm, float eps, int64_t dim, Matrix x, Matrix y, const RowSet& rows) const;

  // Rows times panels [panel_begin, panel_count) of `linear` into `c`, as the epilogue says. c's rows are wide enough for whole panels.
  void Multiply(const PackedLinear& linear, Matrix a, Matrix c, const RowSet& rows, int64_t panel_begin, Epilogue epilogue,
                Activation activation = Activation::kNone) const;

  // y[rows] = x[rows] as bytes.
  void Quantize(Matrix x, int64_t dim, Matrix y, const RowSet& rows) const;

  // Patches of a crop ([H, W, 3] bytes) or of planes ([3, H, W]) → token rows from tokens.data on. False: no memory.
  struct Image {
    const uint8_t* bytes;  // or null
    const float* planes;   // or null
    int32_t height, width;
  };
  [[nodiscard]] bool EmbedPatches(const Weights& weights, const Image& image, const float* positions, Matrix tokens) const;

  // qkv rows hold heads · head_dim columns of q, then of k, then of v. `attended` takes the heads side by side. False: no memory.
  struct Heads {
    int64_t count, head_dim, tokens;
    const Attention* attention;
    void* key_panels;  // of all heads
    void* value_panels;
    void* keys(int64_t head) const { return static_cast<std::byte*>(key_panels) + head * attention->key_bytes(tokens, head_dim); }
    void* values(int64_t head) const { return static_cast<std::byte*>(value_panels) + head * attention->value_bytes(tokens, head_dim); }
  };
  void PackKeysAndValues(const Heads& heads, Matrix qkv) const;
  [[nodiscard]] bool Attend(const Heads& heads, Matrix qkv, Matrix attended, const RowSet& queries) const;
  // The softmax of query 0 over the tokens from `first` on → out[heads, tokens - first].
  [[nodiscard]] bool AttentionMap(const Heads& heads, Matrix qkv, int64_t first, float* out) const;
};

}  // namespace vitrine
