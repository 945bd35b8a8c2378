// The stages of an encoder block over a team of threads: each function is one phase (team.h), cut into chunks of rows and panels, or of
// heads and queries. Before it: block.h, which puts them in order; after it: the kernels. No cut changes a bit: kernels sum in an order
// that depends on the inner length alone.
#pragma once

#include <cmath>
#include <cstddef>

#include "row_calls.h"
#include "team.h"

namespace vitrine {

struct Stages {
  const Kernels& kernels;
  Team& team;

  // y[rows] = LayerNorm(x[rows]), as y's numbers; y may be x where these are floats.
  void Norm(const PackedNorm& norm, float eps, int64_t dim, Matrix x, Matrix y, const RowSet& rows) const;

  void Multiply(const Product& product, const RowSet& rows, PanelRange panels) const;
  // All panels of a product in pairs, the first of which is (first, first + 1). False: no memory.
  [[nodiscard]] bool MultiplyInPairs(const Product& product, const RowSet& rows, int64_t first) const;

  // y[rows] = x[rows] as bytes.
  void Quantize(Matrix x, int64_t dim, Matrix y, const RowSet& rows) const;

  // Patches of a crop ([H, W, 3] bytes) or of planes ([3, H, W]) → token rows from tokens.data on. False: no memory.
  struct Image {
    const uint8_t* bytes;  // or null
    const float* planes;   // or null
    int32_t height, width;
  };
  [[nodiscard]] bool EmbedPatches(const Weights& weights, const Image& image, const float* positions, Matrix tokens) const;

  // The columns of qkv lie as PackedBlock::by_head says. `attended` takes the heads side by side.
  struct Heads {
    int64_t count, head_dim, tokens;
    const Attention* attention;
    void* key_panels;  // of all heads, for phases in which several threads work on one
    void* value_panels;
    const float* key_bias = nullptr;  // [tokens], added to the scores of every head; null: none
    bool by_head = false;
    float scale() const { return float(1 / std::sqrt(double(head_dim))); }  // of the scores
    // Where a head's queries, keys and values begin in a row of qkv
    struct Columns {
      int64_t query, key, value;
    };
    Columns columns(int64_t head) const {
      if (by_head) return {3 * head * head_dim, (3 * head + 1) * head_dim, (3 * head + 2) * head_dim};
      return {head * head_dim, (count + head) * head_dim, (2 * count + head) * head_dim};
    }
    void* keys(int64_t head) const { return static_cast<std::byte*>(key_panels) + head * attention->key_bytes(tokens, head_dim); }
    void* values(int64_t head) const { return static_cast<std::byte*>(value_panels) + head * attention->value_bytes(tokens, head_dim); }
  };
  // Packs keys and values, then attends. False: no memory.
  [[nodiscard]] bool Attend(const Heads& heads, Matrix qkv, Matrix attended, const RowSet& queries) const;
  // The same from what qkv is the product of, whole heads on each thread: a head's queries, keys and values never leave its cache. False:
  // no memory.
  [[nodiscard]] bool AttendByHead(const Heads& heads, const PackedLinear& qkv, Matrix normed, Matrix attended, const RowSet& queries) const;
  // The softmax of query 0 over the tokens from `first` on → out[heads, tokens - first].
  [[nodiscard]] bool AttentionMap(const Heads& heads, Matrix qkv, int64_t first, float* out) const;
};

}  // namespace vitrine
