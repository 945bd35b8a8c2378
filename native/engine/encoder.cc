// The encoder on one page: resize and crop, embed, blocks, final norm on the rows that are read. Before it: addon.cc; after it: the
// contracts in kernels/, resample.h first, then pool.cc.
#include "encoder.h"

#include <algorithm>
#include <string>

#include "counters.h"
#include "picture.h"
#include "pool.h"
#include "stages.h"

namespace vitrine {
namespace {

constexpr int64_t kMostTokens = 1 << 20;

Status OutOfMemory() { return Status::Error("ERR_OUT_OF_MEMORY", "no memory for the activations of an image"); }

// The activations of one image. `normed` and `wide` are memory for several matrices, one after another, each in the numbers that its
// reader multiplies.
struct Activations {
  Matrix tokens;    // [T, D], fp32: what the blocks add to
  void* normed;     // [T, D] after a norm; then [T, heads · head dim] after attention
  void* wide;       // [T, 3 · heads · head dim] q, k, v; then [T, F] inside the MLP
  void* quantised;  // [T, heads · head dim], then [T, F], as bytes, where a product reads bytes that no norm wrote
  float* scale;     // [T], of bytes
  int32_t* zero;
  int64_t normed_stride, wide_stride;
  Stages::Heads heads;

  bool Take(const Weights& w, int64_t token_count, Arena& arena) {
    const int64_t inner = w.heads * w.head_dim, columns = w.kernels->gemm.columns;
    const Attention& attention = *w.attention;
    tokens.stride = w.token_stride;
    normed_stride = PaddedStride(std::max(w.dim, inner), columns);
    wide_stride = PaddedStride(std::max(3 * inner, w.mlp_width), columns);
    tokens.data = arena.Array<float>(token_count * tokens.stride);
    normed = arena.Array<float>(token_count * normed_stride);
    wide = arena.Array<float>(token_count * wide_stride);
    if (tokens.data == nullptr || normed == nullptr || wide == nullptr) return false;
    // The end of a row that is no whole unit is read, and met by a weight of zero.
    if (w.precision != Precision::kFp32 && inner % 4 != 0) std::fill_n(static_cast<float*>(normed), token_count * normed_stride, 0.f);
    quantised = w.precision == Precision::kInt8 ? arena.Array<uint8_t>(token_count * wide_stride) : nullptr;
    scale = arena.Array<float>(token_count), zero = arena.Array<int32_t>(token_count);
    heads = {.count = w.heads,
             .head_dim = w.head_dim,
             .tokens = token_count,
             .attention = &attention,
             .key_panels = nullptr,
             .value_panels = nullptr};
    heads.key_panels = arena.Allocate(w.heads * attention.key_bytes(token_count, w.head_dim));
    heads.value_panels = arena.Allocate(w.heads * attention.value_bytes(token_count, w.head_dim));
    return scale && zero && heads.key_panels && heads.value_panels && (quantised || w.precision != Precision::kInt8);
  }
  Matrix Normed(Number number) const { return {normed, normed_stride, number, scale, zero}; }
  Matrix Wide(Number number) const { return {wide, wide_stride, number}; }
  Matrix Quantised() const { return {quantised, wide_stride, Number::kU8, scale, zero}; }
};

// Counts a block as running for as long as it lives.
struct BlockCounted {
  BlockCounted() { counters.blocks_begun++, counters.blocks_running++; }
  ~BlockCounted() { counters.blocks_running--; }
};

class Encoder {
 public:
  Encoder(const Weights& weights, int64_t tokens, std::span<const Output> outputs, std::span<float* const> destinations, Worker& worker)
      : w_(weights), t_(tokens), outputs_(outputs), destinations_(destinations), worker_(worker), stages_{*weights.kernels, worker.team} {}

  Status Run(const ImageInput& image, const std::atomic<bool>& cancelled);

 private:
  Status Embed(const ImageInput& image);
  Status Block(const PackedBlock& block, const RowSet& rows, bool last);
  void AddProduct(const PackedLinear& linear, Matrix a, const RowSet& rows);
  Status Write(int64_t layer);
  int64_t LayerOf(const Output& output) const { return output.layer == -1 ? int64_t(w_.blocks.size()) : output.layer; }
  RowsRead RowsAfter(int64_t layer) const;

  const Weights& w_;
  const int64_t t_;
  const std::span<const Output> outputs_;
  const std::span<float* const> destinations_;
  Worker& worker_;
  const Stages stages_;
  Activations a_;
};

Status Encoder::Run(const ImageInput& image, const std::atomic<bool>& cancelled) {
  worker_.arena.Reset();
  if (!a_.Take(w_, t_, worker_.arena)) return OutOfMemory();
  if (Status status = Embed(image); !status.ok()) return status;

  // Blocks beyond the last one that an output reads are left out, and that one computes only the rows that are read.
  int64_t depth = 0;
  for (const Output& output : outputs_)
    depth = std::max(depth, output.kind == Output::Kind::kAttention ? int64_t(w_.blocks.size()) : LayerOf(output));
  const RowSet all = RowSet::All(t_);
  for (int64_t layer = 0;; layer++) {
    if (Status status = Write(layer); !status.ok()) return status;
    if (layer == depth) return Status::Ok();
    if (cancelled.load(std::memory_order_relaxed)) return Status::Error("ERR_ABORTED", "the call was cancelled");
    RowSet rows = all;
    if (layer + 1 == depth) {
      RowsRead read = RowsAfter(depth);
      rows = std::move(read.after_norm);
      for (const RowRange& range : read.before_norm.ranges()) rows.Add(range);
    }
    if (Status status = Block(w_.blocks[size_t(layer)], rows, layer + 1 == int64_t(w_.blocks.size())); !status.ok()) return status;
  }
}

Status Encoder::Embed(const ImageInput& image) {
  Stages::Image pixels{.bytes = nullptr, .planes = image.planes, .height = image.height, .width = image.width};
  if (image.planes == nullptr) {
    const int64_t bytes = int64_t(image.height) * image.width * 3;
    auto* crop = worker_.arena.Array<uint8_t>(bytes);
    if (crop == nullptr) return OutOfMemory();
    if (Status status = CropPicture(*w_.kernels, image.picture, image.geometry, worker_.picture, crop, bytes); !status.ok()) return status;
    pixels.bytes = crop;
  }
  std::shared_ptr<const Pages> positions;
  if (w_.positions != nullptr) {
    positions = w_.positions->Grid(image.height / w_.patch_height, image.width / w_.patch_width);
    if (positions == nullptr) return OutOfMemory();
  }
  for (int64_t r = 0; r < w_.prefix_rows; r++) std::copy_n(w_.prefix + r * w_.token_stride, w_.dim, a_.tokens.row(r));
  const auto* rows = positions == nullptr ? nullptr : static_cast<const float*>(positions->data());
  if (!stages_.EmbedPatches(w_, pixels, rows, {a_.tokens.row(w_.prefix_rows), a_.tokens.stride})) return OutOfMemory();
  if (w_.pre_norm.gamma != nullptr) stages_.Norm(w_.pre_norm, w_.eps, w_.dim, a_.tokens, a_.tokens, RowSet::All(t_));
  return Status::Ok();
}

// tokens += projection(attention(norm1(tokens))); tokens += mlp(norm2(tokens)), for `rows`: keys and values are of all tokens, the rest of
// these rows alone.
Status Encoder::Block(const PackedBlock& block, const RowSet& rows, bool last) {
  const BlockCounted counted;
  const RowSet all = RowSet::All(t_);
  const int64_t first_key_panel = w_.heads * w_.head_dim / w_.kernels->gemm.columns;
  const Matrix normed = a_.Normed(block.qkv.gemm->input), qkv = a_.Wide(w_.attention->input);
  stages_.Norm(block.norm1, w_.eps, w_.dim, a_.tokens, normed, all);
  RowSet queries = rows;
  for (size_t i = 0; last && i < outputs_.size(); i++) {
    if (outputs_[i].kind == Output::Kind::kAttention) queries.Add({0, 1});
  }
  stages_.Multiply(block.qkv, normed, qkv, queries, 0, Epilogue::kStore);
  stages_.Multiply(block.qkv, normed, qkv, queries.Rest(t_), first_key_panel, Epilogue::kStore);
  stages_.PackKeysAndValues(a_.heads, qkv);
  for (size_t i = 0; last && i < outputs_.size(); i++) {
    if (outputs_[i].kind != Output::Kind::kAttention) continue;
    if (!stages_.AttentionMap(a_.heads, qkv, w_.prefix_rows, destinations_[i])) return OutOfMemory();
  }
  const Matrix attended = a_.Normed(w_.attention->input);
  if (!stages_.Attend(a_.heads, qkv, attended, rows)) return OutOfMemory();
  AddProduct(block.projection, attended, rows);

  const Matrix second = a_.Normed(block.fc1.gemm->input),
               hidden = a_.Wide(block.fc2.gemm->input == Number::kBf16 ? Number::kBf16 : Number::kF32);
  stages_.Norm(block.norm2, w_.eps, w_.dim, a_.tokens, second, rows);
  stages_.Multiply(block.fc1, second, hidden, rows, 0, w_.glu ? Epilogue::kGlu : Epilogue::kStore, w_.activation);
  AddProduct(block.fc2, hidden, rows);
  return Status::Ok();
}

// tokens += a · weightᵀ, LayerScale included
void Encoder::AddProduct(const PackedLinear& linear, Matrix a, const RowSet& rows) {
  if (linear.gemm->input == Number::kU8) {
    stages_.Quantize(a, linear.k, a_.Quantised(), rows);
    a = a_.Quantised();
  }
  stages_.Multiply(linear, a, a_.tokens, rows, 0, Epilogue::kResidual);
}

RowsRead Encoder::RowsAfter(int64_t layer) const {
  RowsRead rows;
  for (const Output& output : outputs_) {
    if (output.kind == Output::Kind::kPool && LayerOf(output) == layer) AddRowsRead(output, t_, &rows);
  }
  return rows;
}

// The outputs that read the tokens after `layer` blocks.
Status Encoder::Write(int64_t layer) {
  const RowsRead rows = RowsAfter(layer);
  if (rows.before_norm.empty() && rows.after_norm.empty()) return Status::Ok();
  Matrix normed = a_.tokens;
  if (w_.final_norm.gamma != nullptr && !rows.after_norm.empty()) {
    normed = a_.Normed(Number::kF32);
    stages_.Norm(w_.final_norm, w_.eps, w_.dim, a_.tokens, normed, rows.after_norm);
  }
  for (size_t i = 0; i < outputs_.size(); i++) {
    if (outputs_[i].kind != Output::Kind::kPool || LayerOf(outputs_[i]) != layer) continue;
    if (!WriteOutput(w_, stages_, worker_.arena, outputs_[i], t_, a_.tokens, normed, destinations_[i])) return OutOfMemory();
  }
  return Status::Ok();
}

}  // namespace

Status CountTokens(const Weights& weights, int32_t height, int32_t width, int64_t* tokens) {
  const auto size = [&] { return std::to_string(height) + "×" + std::to_string(width); };
  if (height <= 0 || width <= 0 || height % weights.patch_height != 0 || width % weights.patch_width != 0) {
    return Status::Error("ERR_IMAGE_SIZE", "an image of " + size() + " pixels is not made of whole patches of " +
                                               std::to_string(weights.patch_height) + "×" + std::to_string(weights.patch_width));
  }
  *tokens = weights.prefix_rows + int64_t(height / weights.patch_height) * (width / weights.patch_width);
  if (*tokens > kMostTokens || height > kLargestSide || width > kLargestSide) {
    return Status::Error("ERR_IMAGE_SIZE", "an image of " + size() + " pixels is too large to encode");
  }
  return Status::Ok();
}

Status Encode(const Weights& weights, const ImageInput& image, std::span<const Output> outputs, std::span<float* const> destinations,
              const std::atomic<bool>& cancelled, Worker& worker) {
  int64_t tokens = 0;
  if (Status status = CountTokens(weights, image.height, image.width, &tokens); !status.ok()) return status;
  return Encoder(weights, tokens, outputs, destinations, worker).Run(image, cancelled);
}

}  // namespace vitrine
