// The encoder on one page: resize and crop, embed, blocks, final norm on the rows that are read. Before it: addon.cc; after it: the
// contracts in kernels/, resample.h first, then pool.cc.
#include "encoder.h"

#include <algorithm>
#include <string>

#include "block.h"
#include "picture.h"
#include "pool.h"

namespace vitrine {
namespace {

constexpr int64_t kMostTokens = 1 << 20;

Status OutOfMemory() { return Status::Error("ERR_OUT_OF_MEMORY", "no memory for the activations of an image"); }

class Encoder {
 public:
  Encoder(const Weights& weights, int64_t tokens, const MergeSchedule& merging, std::span<const Output> outputs,
          std::span<float* const> destinations, Worker& worker)
      : w_(weights),
        merging_(merging),
        t_(tokens),
        outputs_(outputs),
        destinations_(destinations),
        worker_(worker),
        stages_{*weights.kernels, worker.team},
        blocks_(weights, a_, merger_, stages_) {}

  Status Run(const ImageInput& image, const std::atomic<bool>& cancelled);

 private:
  Status Embed(const ImageInput& image);
  BlockRows RowsOf(int64_t layer, int64_t depth) const;
  Status Write(int64_t layer);
  [[nodiscard]] bool WriteAttention(float* out) const;
  int64_t LayerOf(const Output& output) const { return output.layer == -1 ? int64_t(w_.blocks.size()) : output.layer; }
  RowsRead RowsAfter(int64_t layer) const;

  const Weights& w_;
  const MergeSchedule& merging_;
  int64_t t_;  // tokens left
  const std::span<const Output> outputs_;
  const std::span<float* const> destinations_;
  Worker& worker_;
  const Stages stages_;
  Activations a_;
  TokenMerger merger_;
  const Blocks blocks_;
};

Status Encoder::Run(const ImageInput& image, const std::atomic<bool>& cancelled) {
  worker_.arena.Reset();
  if (!a_.Take(w_, t_, worker_.arena) || (!merging_.empty() && !merger_.Take(w_, t_, worker_.arena))) return OutOfMemory();
  if (Status status = Embed(image); !status.ok()) return status;

  // Blocks beyond the last one that an output reads are left out, and that one computes only the rows that are read.
  int64_t depth = 0;
  for (const Output& output : outputs_)
    depth = std::max(depth, output.kind == Output::Kind::kAttention ? int64_t(w_.blocks.size()) : LayerOf(output));
  BlockRows rows = depth > 0 ? RowsOf(0, depth) : BlockRows{};
  if (depth > 0 && !blocks_.Begin(w_.blocks[0], rows)) return OutOfMemory();
  for (int64_t layer = 0;; layer++) {
    if (Status status = Write(layer); !status.ok()) return status;
    if (layer == depth) return Status::Ok();
    if (cancelled.load(std::memory_order_relaxed)) return Status::Error("ERR_ABORTED", "the call was cancelled");
    const bool last = layer + 1 == depth;
    t_ -= rows.merged;
    BlockRows next = last ? BlockRows{} : RowsOf(layer + 1, depth);
    if (!blocks_.Run(w_.blocks[size_t(layer)], rows, last ? nullptr : &w_.blocks[size_t(layer + 1)], next)) return OutOfMemory();
    rows = std::move(next);
    if (layer + 1 < int64_t(w_.blocks.size())) continue;
    for (size_t i = 0; i < outputs_.size(); i++) {
      if (outputs_[i].kind != Output::Kind::kAttention) continue;
      if (!WriteAttention(destinations_[i])) return OutOfMemory();
    }
  }
}

// What block `layer` computes, of the `depth` that are run.
BlockRows Encoder::RowsOf(int64_t layer, int64_t depth) const {
  const int64_t merged = size_t(layer) < merging_.size() ? MergedAway(t_, w_.prefix_rows, merging_[size_t(layer)]) : 0;
  if (layer + 1 < depth) return {RowSet::All(t_), RowSet::All(t_), merged};
  RowsRead read = RowsAfter(depth);
  BlockRows rows{.rows = std::move(read.after_norm), .queries = {}};
  for (const RowRange& range : read.before_norm.ranges()) rows.rows.Add(range);
  // The prefix is the same whatever merges behind it; rows behind it are others afterwards.
  if (merged > 0 && !rows.rows.empty() && rows.rows.ranges().back().end > w_.prefix_rows) return {RowSet::All(t_), RowSet::All(t_), merged};
  rows.rows = WithPartners(rows.rows, blocks_.FirstPair(t_), t_);
  rows.queries = rows.rows;
  for (const Output& output : outputs_) {
    if (output.kind == Output::Kind::kAttention) rows.queries.Add({0, 1});
  }
  return rows;
}

Status Encoder::Embed(const ImageInput& image) {
  Stages::Image pixels{.bytes = nullptr, .planes = image.planes, .height = image.height, .width = image.width};
  if (image.planes == nullptr) {
    const int64_t bytes = int64_t(image.height) * image.width * 3;
    auto* crop = worker_.arena.Array<uint8_t>(bytes);
    if (crop == nullptr) return OutOfMemory();
    if (Status status = CropPicture(*w_.kernels, image.picture, image.geometry, worker_.picture, worker_.team, crop, bytes); !status.ok())
      return status;
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
    normed = {a_.attended.data, a_.attended.stride};
    stages_.Norm(w_.final_norm, w_.eps, w_.dim, a_.tokens, normed, rows.after_norm);
  }
  for (size_t i = 0; i < outputs_.size(); i++) {
    if (outputs_[i].kind != Output::Kind::kPool || LayerOf(outputs_[i]) != layer) continue;
    if (!WriteOutput(w_, stages_, worker_.arena, outputs_[i], t_, a_.tokens, normed, merger_.sizes(), destinations_[i]))
      return OutOfMemory();
  }
  return Status::Ok();
}

// What row 0 of the last block has paid to the patches.
bool Encoder::WriteAttention(float* out) const {
  if (w_.blocks.back().class_rows == 0) return stages_.AttentionMap(a_.heads, a_.qkv, w_.prefix_rows, out);
  const int64_t patches = t_ - w_.prefix_rows;
  for (int64_t h = 0; h < w_.heads; h++) std::copy_n(a_.class_rows.weights + h * t_ + w_.prefix_rows, patches, out + h * patches);
  return true;
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

Status ResultLength(const Weights& weights, int64_t tokens, const MergeSchedule& merging, const Output& output, int64_t* length) {
  if (!merging.empty() && output.kind == Output::Kind::kAttention)
    return Status::Error("ERR_POOL_UNAVAILABLE", "output: merged tokens have no attention by patch");
  const int64_t blocks = int64_t(weights.blocks.size()), layer = output.layer == -1 ? blocks : output.layer;
  return OutputLength(weights, TokensAfter(merging, tokens, weights.prefix_rows, layer), output, length);
}

Status Encode(const Weights& weights, const ImageInput& image, const MergeSchedule& merging, std::span<const Output> outputs,
              std::span<float* const> destinations, const std::atomic<bool>& cancelled, Worker& worker) {
  int64_t tokens = 0;
  if (Status status = CountTokens(weights, image.height, image.width, &tokens); !status.ok()) return status;
  return Encoder(weights, tokens, merging, outputs, destinations, worker).Run(image, cancelled);
}

}  // namespace vitrine
