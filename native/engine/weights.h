// The weights of one model, packed for the kernels that will read them. Before it: tensor_reader.h; after it: encoder.h. Immutable once
// packed, shared by every model of the process that was loaded from the same files (weight_store.h).
// Letters: D width, F MLP width, NR columns of a panel, K inner length.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <vector>

#include "../kernels/kernels.h"
#include "../platform/memory.h"
#include "packed_cache.h"
#include "positions.h"
#include "spec.h"
#include "status.h"
#include "team.h"
#include "tensor_reader.h"

namespace vitrine {

// What the weights of the blocks are stored and multiplied as; patches, norms and heads are fp32 in all of them.
enum class Precision : uint8_t { kFp32, kBf16, kInt8 };

// out = in · weightᵀ + bias, as gemm.h reads it. bias, scale, column_scale and column_sum are padded with zeros to whole panels.
struct PackedLinear {
  const Gemm* gemm = nullptr;  // whose panels these are
  const void* panels = nullptr;
  const float* column_scale = nullptr;  // of int8
  const int32_t* column_sum = nullptr;  // of int8
  const float* bias = nullptr;          // null: none
  const float* scale = nullptr;         // LayerScale of its result, null: none
  int64_t k = 0, panel_count = 0;
  bool in_pairs = false;  // rows of patches are multiplied two by two (gemm.h, run_pairs)
};

struct PackedNorm {
  const float* gamma = nullptr;  // [D]; null: there is no norm here
  const float* beta = nullptr;   // [D]
};

struct PackedBlock {
  PackedNorm norm1, norm2;
  // qkv's panels are a head's queries, keys and values, then the next one's: whole panels make a head, and stages.h may multiply and attend
  // one head after another. Else the queries of all heads come first, then all keys, then all values.
  bool by_head = false;
  PackedLinear qkv, projection, fc1, fc2;  // scale1 travels with projection, scale2 with fc2; fc1 is interleaved for kGlu
  // The first rows of the model's last block attend without keys and values (class_rows.h), 0 of all others'; then for each head, one after
  // another, whole panels of Wkᵀ [D, head dim], which turns a query into weights of the channels.
  int64_t class_rows = 0;
  PackedLinear class_keys;
};

struct PackedHead {
  PackedLinear linear;
  Activation activation;
  int64_t in, out;
};

struct Weights {
  ~Weights();

  const Kernels* kernels = nullptr;
  Precision precision = Precision::kFp32;
  const PatchEmbed* patch_embed = nullptr;
  const Attention* attention = nullptr;  // of bf16 where the CPU multiplies bf16 and the precision is not fp32
  int64_t dim, heads, head_dim, mlp_width, prefix_rows;
  int32_t patch_height, patch_width;
  bool glu;
  Activation activation;
  float eps;

  PackedLinear patch_bytes, patch_planes;  // one convolution in the two orders of patch_embed.h, bytes with the normalisation folded in
  const float* prefix = nullptr;           // [prefix_rows, token_stride]: value + position
  int64_t token_stride;                    // of `prefix`, of position grids and of token rows
  std::unique_ptr<Positions> positions;    // null: none
  PackedNorm pre_norm, final_norm;
  std::vector<PackedBlock> blocks;
  std::vector<PackedHead> heads_out;

  Pages memory;
};

// Some panels of a linear layer as a layer of their own.
inline PackedLinear SomePanels(PackedLinear linear, int64_t first, int64_t count) {
  const int64_t column = first * linear.gemm->columns;
  linear.panels = static_cast<const std::byte*>(linear.panels) + first * linear.gemm->panel_bytes(linear.k);
  linear.panel_count = count;
  if (linear.column_scale != nullptr) linear.column_scale += column;
  if (linear.column_sum != nullptr) linear.column_sum += column;
  if (linear.bias != nullptr) linear.bias += column;
  if (linear.scale != nullptr) linear.scale += column;
  return linear;
}

// How far a load is, in bytes of packed weights.
struct LoadProgress {
  std::atomic<int64_t> loaded{0}, total{0};
};

// Every change of the bytes that are packed, or of where they lie, makes it larger: entries of the packed cache carry it.
constexpr int kPackingVersion = 7;

// From the cache where it has these weights; else reads and packs, and gives the cache what it had not. On every thread of the team.
// ERR_ABORTED soon after *cancelled.
Status PackWeights(const EncoderSpec& spec, const TensorReader& reader, const Kernels& kernels, Precision precision, Team& team,
                   PackedCache& cache, const std::atomic<bool>& cancelled, LoadProgress& progress, std::shared_ptr<const Weights>* out);

// Row stride of a matrix of `columns` floats: whole panels, whole cache lines, and an odd number of these, so that rows below each other
// do not fall into the same few sets of the cache.
int64_t PaddedStride(int64_t columns, int64_t panel_columns);

}  // namespace vitrine
