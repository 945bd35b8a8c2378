// EncoderSpec: what the engine computes, as orthogonal options and weights by role. No family names. Twin of lib/spec.ts, which holds
// the same fields with their meaning for a reader of TypeScript; binding/arguments.cc reads one into the other.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "../kernels/activation.h"
#include "../platform/recycled.h"

namespace vitrine {

enum class DType : uint8_t { kF32, kF16, kBF16 };

// A run of bytes in a weight file, or zeros where the file leaves a part out (a key without bias).
struct TensorPart {
  int32_t file = -1;           // index into EncoderSpec::files; -1: zeros
  uint64_t offset = 0;         // bytes from the start of the file
  std::vector<int64_t> shape;  // as stored
  DType dtype = DType::kF32;
  std::string name;  // as stored, for messages
};

// Parts laid one after another along the first axis (q, k, v → qkv; gate, up → the MLP's first layer).
struct Tensor {
  std::vector<TensorPart> parts;
  bool present() const { return !parts.empty(); }
};

struct Linear {
  Tensor weight, bias;
};  // weight [out, in] as torch.nn.Linear; bias [out] or absent
struct Norm {
  Tensor gamma, beta;
};

struct Block {
  Norm norm1;
  Linear qkv;         // [3D, D], rows q, k, v
  Linear projection;  // [D, D]
  Tensor scale1;      // LayerScale [D] or absent
  Norm norm2;
  Linear fc1;  // [F, D]; swiglu: [2F, D], gate rows first
  Linear fc2;  // [D, F]
  Tensor scale2;
};

struct PrefixToken {
  Tensor value;
  int64_t rows;
  bool has_position;
};  // CLS, distillation, registers, in token order

// How a stored position table becomes one of another grid (conventions of torch.nn.functional.interpolate, bicubic).
struct PositionResize {
  bool antialias;
  bool align_corners;
};

struct PositionEmbedding {
  Tensor table;  // [prefix rows with has_position + grid_height·grid_width, D]
  int64_t grid_height, grid_width;
  PositionResize resize;
};

struct Head {
  std::string name;
  Linear linear;
  Activation activation;
  int64_t in, out;
};  // pooler, projection, classifier, …

// What a weight file was when its header was read: another file in its place is an error.
struct FileStamp {
  uint64_t inode, size;
  int64_t modified_ns;
};

struct EncoderSpec {
  std::vector<std::string> files;           // absolute paths
  std::vector<FileStamp> stamps;            // one per file, or none
  int64_t dim, heads, head_dim, mlp_width;  // mlp_width: F, the width that fc2 reads
  int32_t patch_height, patch_width;
  Linear patch;  // weight [D, 3, PH, PW]
  std::vector<PrefixToken> prefix;
  std::optional<PositionEmbedding> position;
  std::optional<Norm> pre_norm;  // CLIP: after the embeddings
  std::vector<Block> blocks;
  bool glu = false;  // MLP: activation(gate)·value
  Activation activation = Activation::kGelu;
  float eps = 1e-6f;
  std::optional<Norm> final_norm;
  std::vector<Head> heads_out;
  // Pixels 0…255 become (value·rescale − mean[c]) / std[c].
  double mean[3], std[3], rescale;

  int64_t prefix_rows() const {
    int64_t n = 0;
    for (const auto& token : prefix) n += token.rows;
    return n;
  }
};

// One result per image; read anew for every image, hence recycled. A branch concatenates its terms and may send them through a head;
// branches are averaged (DeiT's two heads).
struct PoolTerm {
  int64_t row;      // first token row
  int64_t count;    // rows; -1: to the end
  bool mean;        // mean of the rows, else the rows as they are
  bool after_norm;  // read after the final norm, else before it
};
struct PoolBranch {
  RecycledVector<PoolTerm> terms;
  int32_t head;
};  // head: index into heads_out, -1: none
struct Output {
  enum class Kind : uint8_t { kPool, kAttention } kind;  // kAttention: softmax of the last block, row 0 over the patches [heads, patches]
  RecycledVector<PoolBranch> branches;
  bool normalize;  // unit length: each token of a lone run of rows, else the whole result
  int32_t layer;   // tokens after this many blocks; -1: after the last
};

}  // namespace vitrine
