// The memory behind weights.h. Two passes over the spec lay it out: the first measures and checks, the second hands it out; then
// panel_packer.h fills it, on all threads.
#include "weights.h"

#include <algorithm>
#include <string>

#include "../platform/red_zone.h"
#include "counters.h"
#include "panel_packer.h"
#include "spec_check.h"

namespace vitrine {
namespace {

// Where rows go in pairs, the halves of K are whole cache lines.
constexpr int64_t kPairUnit = 32;
constexpr int64_t kMostClassRows = 2;  // CLS and DeiT's distillation token

enum class Part : uint8_t { kQkv, kProjection, kFc1, kFc2 };

// A tensor that stays a plain array.
struct VectorPlan {
  const Tensor* tensor;
  int64_t values;
  float* out;
};

class Packer {
 public:
  Packer(const EncoderSpec& spec, const TensorReader& reader, const Kernels& kernels, Precision precision,
         const std::atomic<bool>& cancelled, LoadProgress& progress)
      : spec_(spec),
        reader_(reader),
        kernels_(kernels),
        gemm_(kernels.gemm),
        precision_(precision),
        cancelled_(cancelled),
        progress_(progress),
        panels_(spec, reader, kernels, cancelled, progress) {}

  Status Run(Team& team, PackedCache& cache, const std::shared_ptr<Weights>& weights);

 private:
  void Describe(Weights& w) const;
  Status Pack(Team& team, const Weights& w);
  void AddPrefix(const Weights& w);
  Status Allocate(Weights& w) const;

  // What a pass over the spec does with each part: the first pass measures and checks, the second hands out the memory.
  void Lay(Weights& w);
  void LayLinear(const Linear& linear, const Tensor* layer_scale, int64_t n, int64_t k, PanelOrder order, const Gemm& gemm,
                 PackedLinear& out, PackedLinear* bytes = nullptr, const NormPlan& norm = {});
  float* LayVector(const Tensor& tensor, int64_t values, const char* role);
  NormPlan LayNorm(const Norm& norm, PackedNorm& out);
  float* Take(int64_t floats);
  std::byte* TakeBytes(int64_t bytes) { return reinterpret_cast<std::byte*>(Take((bytes + 3) / 4)); }
  void Check(const Tensor& tensor, int64_t values, const char* role);

  void LayClassKeys(const Linear& qkv, PackedBlock& out);
  const Gemm& GemmOf(size_t block, Part part) const;

  const EncoderSpec& spec_;
  const TensorReader& reader_;
  const Kernels& kernels_;
  const Gemm& gemm_;  // fp32
  const Precision precision_;
  const std::atomic<bool>& cancelled_;
  LoadProgress& progress_;
  PanelPacker panels_;

  float* memory_ = nullptr;                       // null in the first pass
  int64_t taken_ = 0, scratch_ = 0, chunks_ = 0;  // scratch_: floats of a chunk
  const float* table_ = nullptr;
  float* prefix_ = nullptr;
  std::vector<LinearPlan> linears_;
  std::vector<VectorPlan> vectors_;
};

// Offsets in floats, 64-byte aligned; in the first pass the result is null and only counts.
float* Packer::Take(int64_t floats) {
  float* result = memory_ == nullptr ? nullptr : memory_ + taken_;
  const int64_t padded = (floats + 15) / 16 * 16, zone = int64_t(kRedZone / sizeof(float));
  if (result != nullptr) Forbid(result + floats, size_t(padded - floats + zone) * sizeof(float));
  taken_ += padded + zone;
  return result;
}

void Packer::Check(const Tensor& tensor, int64_t values, const char* role) {
  if (memory_ != nullptr || panels_.failed()) return;
  if (Status status = reader_.Check(tensor, values, role); !status.ok()) panels_.Fail(std::move(status));
}

// In int8 the last block stays bf16 (docs/numerics.md has what that gives), which costs nothing where the CLS row alone is computed there.
const Gemm& Packer::GemmOf(size_t block, Part part) const {
  if (precision_ == Precision::kFp32) return kernels_.gemm;
  const bool last = block + 1 == spec_.blocks.size() && (part != Part::kQkv || spec_.prefix_rows() > 0);
  return precision_ == Precision::kBf16 || last ? kernels_.gemm_bf16 : kernels_.gemm_int8;
}

void Packer::LayLinear(const Linear& linear, const Tensor* layer_scale, int64_t n, int64_t k, PanelOrder order, const Gemm& gemm,
                       PackedLinear& out, PackedLinear* bytes, const NormPlan& norm) {
  const int64_t nr = gemm.columns;
  const int64_t panel_count = order == PanelOrder::kGlu ? (n / 2 + nr / 2 - 1) / (nr / 2) : (n + nr - 1) / nr;
  const bool scaled = layer_scale != nullptr && layer_scale->present(), int8 = gemm.input == Number::kU8;
  Check(linear.weight, n * k, "weight");
  if (linear.bias.present()) Check(linear.bias, n, "bias");
  if (scaled) Check(*layer_scale, n, "scale");
  LinearPlan plan{};
  plan.linear = &linear, plan.layer_scale = scaled ? layer_scale : nullptr;
  plan.n = n, plan.k = k, plan.panel_count = panel_count, plan.order = order;
  plan.gemm = &gemm, plan.panel_bytes = gemm.panel_bytes(k), plan.first_chunk = chunks_;
  plan.panels = TakeBytes(panel_count * plan.panel_bytes);
  if (linear.bias.present() || (int8 && norm.norm != nullptr)) plan.bias = Take(panel_count * nr);
  if (scaled) plan.scale = Take(panel_count * nr);
  if (int8) {
    plan.column_scale = Take(panel_count * nr);
    plan.column_sum = reinterpret_cast<int32_t*>(Take(panel_count * nr));
    if (norm.norm != nullptr) plan.norm = norm, plan.fold = Take(k), plan.mean = Take(k);
  }
  out = {.gemm = &gemm,
         .panels = plan.panels,
         .column_scale = plan.column_scale,
         .column_sum = plan.column_sum,
         .bias = plan.bias,
         .scale = plan.scale,
         .k = k,
         .panel_count = panel_count};
  if (bytes != nullptr) {
    plan.byte_panels = TakeBytes(panel_count * plan.panel_bytes);
    plan.byte_bias = Take(panel_count * nr);
    *bytes = {.gemm = &gemm, .panels = plan.byte_panels, .bias = plan.byte_bias, .k = k, .panel_count = panel_count};
  }
  scratch_ = std::max(scratch_, (gemm_.columns + 1) * k);
  chunks_ += panel_count;
  if (memory_ != nullptr) linears_.push_back(plan);
}

// The keys' weights of the last block once more, each head's transposed (class_rows.h).
void Packer::LayClassKeys(const Linear& qkv, PackedBlock& out) {
  const Gemm& gemm = *out.qkv.gemm;
  const int64_t columns = gemm.columns, head_dim = spec_.head_dim;
  LinearPlan plan{};
  plan.linear = &qkv, plan.n = spec_.dim, plan.k = head_dim, plan.panel_count = (spec_.dim + columns - 1) / columns;
  plan.order = PanelOrder::kClassKeys, plan.gemm = &gemm, plan.panel_bytes = gemm.panel_bytes(head_dim), plan.first_chunk = chunks_;
  plan.panels = TakeBytes(spec_.heads * plan.panel_count * plan.panel_bytes);
  out.class_keys = {.gemm = &gemm, .panels = plan.panels, .k = head_dim, .panel_count = spec_.heads * plan.panel_count};
  scratch_ = std::max(scratch_, (spec_.dim + columns) * head_dim);
  chunks_ += spec_.heads;
  if (memory_ != nullptr) linears_.push_back(plan);
}

float* Packer::LayVector(const Tensor& tensor, int64_t values, const char* role) {
  Check(tensor, values, role);
  float* out = Take(values);
  if (memory_ != nullptr) vectors_.push_back({&tensor, values, out});
  return out;
}

NormPlan Packer::LayNorm(const Norm& norm, PackedNorm& out) {
  const NormPlan plan{.norm = &norm, .gamma = LayVector(norm.gamma, spec_.dim, "norm"), .beta = LayVector(norm.beta, spec_.dim, "norm")};
  out = {.gamma = plan.gamma, .beta = plan.beta};
  return plan;
}

void Packer::Lay(Weights& w) {
  taken_ = chunks_ = 0;
  const int64_t d = spec_.dim, inner = spec_.heads * spec_.head_dim, f = spec_.mlp_width;
  LayLinear(spec_.patch, nullptr, d, 3 * int64_t(spec_.patch_height) * spec_.patch_width, PanelOrder::kPatch,
            w.patch_embed->input == Number::kBf16 ? kernels_.gemm_bf16 : gemm_, w.patch_planes, &w.patch_bytes);
  w.prefix = prefix_ = Take(w.prefix_rows * w.token_stride);
  for (const PrefixToken& token : spec_.prefix) Check(token.value, token.rows * d, "prefix token");
  if (spec_.position) {
    int64_t rows = spec_.position->grid_height * spec_.position->grid_width;
    for (const PrefixToken& token : spec_.prefix) rows += token.has_position ? token.rows : 0;
    table_ = LayVector(spec_.position->table, rows * d, "position table");
  }
  if (spec_.pre_norm) LayNorm(*spec_.pre_norm, w.pre_norm);
  w.blocks.resize(spec_.blocks.size());
  for (size_t i = 0; i < spec_.blocks.size(); i++) {
    const Block& block = spec_.blocks[i];
    PackedBlock& packed = w.blocks[i];
    const NormPlan norm1 = LayNorm(block.norm1, packed.norm1);
    const Gemm& qkv = GemmOf(i, Part::kQkv);
    // Of the last block's qkv some rows need no queries, others no keys and values; partners in pairs are half of all columns apart.
    packed.by_head = i + 1 < spec_.blocks.size() && spec_.head_dim % qkv.columns == 0 && qkv.run_pairs == nullptr;
    LayLinear(block.qkv, nullptr, 3 * inner, d, packed.by_head ? PanelOrder::kHeads : PanelOrder::kPlain, qkv, packed.qkv, nullptr, norm1);
    if (i + 1 == spec_.blocks.size()) packed.class_rows = std::min(w.prefix_rows, kMostClassRows);
    if (packed.class_rows > 0) LayClassKeys(block.qkv, packed);
    LayLinear(block.projection, &block.scale1, d, inner, PanelOrder::kPlain, GemmOf(i, Part::kProjection), packed.projection);
    const NormPlan norm2 = LayNorm(block.norm2, packed.norm2);
    LayLinear(block.fc1, nullptr, spec_.glu ? 2 * f : f, d, spec_.glu ? PanelOrder::kGlu : PanelOrder::kPlain, GemmOf(i, Part::kFc1),
              packed.fc1, nullptr, norm2);
    LayLinear(block.fc2, &block.scale2, d, f, PanelOrder::kPlain, GemmOf(i, Part::kFc2), packed.fc2);
    for (PackedLinear* linear : {&packed.qkv, &packed.projection, &packed.fc1, &packed.fc2}) {
      const bool whole = linear != &packed.qkv || i + 1 < spec_.blocks.size();
      linear->in_pairs = whole && linear->gemm->run_pairs != nullptr && linear->k % kPairUnit == 0 && linear->panel_count % 2 == 0;
    }
  }
  if (spec_.final_norm) LayNorm(*spec_.final_norm, w.final_norm);
  w.heads_out.resize(spec_.heads_out.size());
  for (size_t i = 0; i < spec_.heads_out.size(); i++) {
    const Head& head = spec_.heads_out[i];
    w.heads_out[i] = {.linear = {}, .activation = head.activation, .in = head.in, .out = head.out};
    LayLinear(head.linear, nullptr, head.out, head.in, PanelOrder::kPlain, gemm_, w.heads_out[i].linear);
  }
}

// Narrow numbers for narrow dtypes: bf16 where the CPU multiplies it
const Attention& AttentionOf(const Kernels& kernels, Precision precision) {
  if (precision == Precision::kFp32) return kernels.attention;
  if (kernels.gemm_bf16.input == Number::kBf16) return kernels.attention_bf16;
  return kernels.attention_int16;
}

// What the spec and the kernels say without the files.
void Packer::Describe(Weights& w) const {
  w.kernels = &kernels_;
  w.precision = precision_;
  w.attention = &AttentionOf(kernels_, precision_);
  w.dim = spec_.dim, w.heads = spec_.heads, w.head_dim = spec_.head_dim, w.mlp_width = spec_.mlp_width;
  w.prefix_rows = spec_.prefix_rows();
  w.patch_embed = precision_ == Precision::kFp32 ? &kernels_.patch_embed : &kernels_.patch_embed_bf16;
  w.patch_height = spec_.patch_height, w.patch_width = spec_.patch_width;
  w.glu = spec_.glu, w.activation = spec_.activation, w.eps = spec_.eps;
  w.token_stride = PaddedStride(spec_.dim, gemm_.columns);
}

// Fresh memory, all zeros.
Status Packer::Allocate(Weights& w) const {
  counters.weight_bytes -= int64_t(w.memory.size());
  const bool there = w.memory.Allocate(size_t(taken_) * sizeof(float));
  counters.weight_bytes += int64_t(w.memory.size());
  return there ? Status::Ok() : Status::Error("ERR_OUT_OF_MEMORY", "no memory for " + std::to_string(taken_ * 4) + " bytes of weights");
}

Status Packer::Run(Team& team, PackedCache& cache, const std::shared_ptr<Weights>& weights) {
  Weights& w = *weights;
  Describe(w);
  if (gemm_.columns > PanelPacker::kMostColumns) return Status::Error("ERR_INTERNAL", "panels wider than the packer allows");
  Lay(w);
  if (panels_.failed()) return panels_.status();
  const int64_t bytes = taken_ * int64_t(sizeof(float));
  progress_.total = bytes;
  if (Status status = Allocate(w); !status.ok()) return status;
  const bool cached = cache.Read(w.memory.data(), bytes, team, cancelled_, progress_.loaded);
  if (!cached && progress_.loaded != 0) {  // what there was of a damaged entry
    progress_.loaded = 0;
    if (Status status = Allocate(w); !status.ok()) return status;
  }
  memory_ = static_cast<float*>(w.memory.data());
  Lay(w);
  if (!cached && !cancelled_) {
    if (Status status = Pack(team, w); !status.ok()) return status;
  }
  if (cancelled_) return Status::Error("ERR_ABORTED", "the load was cancelled");
  if (spec_.position) {
    int64_t rows_before = 0;
    for (const PrefixToken& token : spec_.prefix) rows_before += token.has_position ? token.rows : 0;
    w.positions = std::make_unique<Positions>(table_ + rows_before * spec_.dim, spec_.position->grid_height, spec_.position->grid_width,
                                              spec_.dim, w.token_stride, spec_.position->resize);
  }
  progress_.loaded = bytes;
  if (Status status = reader_.CheckUnchanged(); !status.ok()) return status;
  if (!cached) cache.Write(weights, w.memory.data(), bytes);
  return Status::Ok();
}

// Everything that Lay has planned, read and packed.
Status Packer::Pack(Team& team, const Weights& w) {
  reader_.WillRead();
  const auto pack = [&](int64_t chunk, void* scratch) {
    if (panels_.Stops()) return;
    if (chunk < int64_t(vectors_.size())) {
      const VectorPlan& vector = vectors_[size_t(chunk)];
      return panels_.Read(*vector.tensor, 0, vector.values, 1, vector.out);
    }
    chunk -= int64_t(vectors_.size());
    const auto after =
        std::upper_bound(linears_.begin(), linears_.end(), chunk, [](int64_t c, const LinearPlan& plan) { return c < plan.first_chunk; });
    const LinearPlan& plan = *(after - 1);
    panels_.Pack(plan, chunk - plan.first_chunk, static_cast<float*>(scratch));
  };
  const int64_t scratch_bytes = scratch_ * int64_t(sizeof(float));
  std::vector<const LinearPlan*> folded;
  for (const LinearPlan& plan : linears_)
    if (plan.fold != nullptr) folded.push_back(&plan);
  const auto fold = [&](int64_t chunk, void* scratch) {
    if (!panels_.Stops()) panels_.Fold(*folded[size_t(chunk)], static_cast<float*>(scratch));
  };
  if (!folded.empty() && !team.ForEach(int64_t(folded.size()), scratch_bytes, fold))
    return Status::Error("ERR_OUT_OF_MEMORY", "no memory to pack weights");
  if (!team.ForEach(chunks_ + int64_t(vectors_.size()), scratch_bytes, pack))
    return Status::Error("ERR_OUT_OF_MEMORY", "no memory to pack weights");
  AddPrefix(w);
  if (panels_.failed()) return panels_.status();
  // What the weights were multiplied by is taken out of the norm before them.
  for (const LinearPlan* plan : folded) {
    for (int64_t k = 0; k < plan->k && !cancelled_; k++) plan->norm.gamma[k] /= plan->fold[k], plan->norm.beta[k] /= plan->fold[k];
  }
  return Status::Ok();
}

// Values of the prefix tokens, with the first rows of the position table added.
void Packer::AddPrefix(const Weights& w) {
  int64_t row = 0, position_row = 0;
  for (const PrefixToken& token : spec_.prefix) {
    for (int64_t i = 0; i < token.rows && !panels_.failed(); i++, row++) {
      float* out = prefix_ + row * w.token_stride;
      panels_.Read(token.value, i, 1, spec_.dim, out);
      if (!token.has_position || table_ == nullptr) continue;
      const float* position = table_ + position_row++ * spec_.dim;
      for (int64_t d = 0; d < spec_.dim; d++) out[d] += position[d];
    }
  }
}

}  // namespace

Weights::~Weights() { counters.weight_bytes -= int64_t(memory.size()); }

int64_t PaddedStride(int64_t columns, int64_t panel_columns) {
  const int64_t whole_panels = (columns + panel_columns - 1) / panel_columns * panel_columns;
  const int64_t lines = (whole_panels + 15) / 16;
  return (lines | 1) * 16;
}

Status PackWeights(const EncoderSpec& spec, const TensorReader& reader, const Kernels& kernels, Precision precision, Team& team,
                   PackedCache& cache, const std::atomic<bool>& cancelled, LoadProgress& progress, std::shared_ptr<const Weights>* out) {
  if (Status status = CheckSpec(spec); !status.ok()) return status;
  auto weights = std::make_shared<Weights>();
  Packer packer(spec, reader, kernels, precision, cancelled, progress);
  Status status = packer.Run(team, cache, weights);
  if (status.ok()) *out = std::move(weights);
  return status;
}

}  // namespace vitrine
