// The packing behind weights.h. Two passes over the spec lay out the memory: the first measures and checks, the second hands it out;
// then panels are read, converted and packed in parallel.
#include "weights.h"

#include <algorithm>
#include <cmath>
#include <mutex>
#include <string>

#include "../platform/red_zone.h"
#include "counters.h"
#include "halves.h"
#include "norm_fold.h"
#include "spec_check.h"

namespace vitrine {
namespace {

constexpr int64_t kMostPanelColumns = 256;
// Where rows go in pairs, the halves of K are whole cache lines.
constexpr int64_t kPairUnit = 32;
constexpr int64_t kMostClassRows = 2;  // CLS and DeiT's distillation token

enum class Order : uint8_t { kPlain, kGlu, kPatch, kHeads, kClassKeys };
enum class Part : uint8_t { kQkv, kProjection, kFc1, kFc2 };

// A norm as the file and as the packed weights have it.
struct NormPlan {
  const Norm* norm = nullptr;
  float *gamma = nullptr, *beta = nullptr;
};

// A linear layer to be packed: work is claimed panel by panel, of kClassKeys head by head.
struct LinearPlan {
  const Linear* linear;
  const Tensor* layer_scale;  // may be null
  int64_t n, k, panel_count;
  Order order;
  const Gemm* gemm;
  int64_t panel_bytes;
  std::byte* panels;
  float *bias, *scale;
  std::byte* byte_panels;  // kPatch: the second packing
  float* byte_bias;
  float* column_scale;  // int8
  int32_t* column_sum;  // int8
  float* fold;          // [k], int8 layers that read a norm, else null: the weights are multiplied by it, the norm's parameters divided
  float* mean;          // [k], with `fold`: what the product reads on average
  NormPlan norm;        // of `fold`
  int64_t first_chunk;
};

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
        progress_(progress) {}

  Status Run(Team& team, PackedCache& cache, const std::shared_ptr<Weights>& weights);

 private:
  void Describe(Weights& w) const;
  Status Pack(Team& team, const Weights& w);
  void AddPrefix(const Weights& w);
  Status Allocate(Weights& w) const;

  // What a pass over the spec does with each part: the first pass measures and checks, the second hands out the memory.
  void Lay(Weights& w);
  void LayLinear(const Linear& linear, const Tensor* layer_scale, int64_t n, int64_t k, Order order, const Gemm& gemm, PackedLinear& out,
                 PackedLinear* bytes = nullptr, const NormPlan& norm = {});
  float* LayVector(const Tensor& tensor, int64_t values, const char* role);
  NormPlan LayNorm(const Norm& norm, PackedNorm& out);
  float* Take(int64_t floats);
  std::byte* TakeBytes(int64_t bytes) { return reinterpret_cast<std::byte*>(Take((bytes + 3) / 4)); }
  void Check(const Tensor& tensor, int64_t values, const char* role);

  void LayClassKeys(const Linear& qkv, PackedBlock& out);
  void PackPanel(const LinearPlan& plan, int64_t panel, float* rows);
  void PackClassKeys(const LinearPlan& plan, int64_t head, float* rows);
  void Fold(const LinearPlan& plan, float* rows);
  const Gemm& GemmOf(size_t block, Part part) const;
  void PackPatchBytes(const LinearPlan& plan, int64_t panel, float* rows, float* row);
  void ReadSlice(const LinearPlan& plan, const Tensor& tensor, int64_t panel, int64_t row_values, float* out);
  void Read(const Tensor& tensor, int64_t first, int64_t count, int64_t row_values, float* out);
  void Fail(Status status);

  const EncoderSpec& spec_;
  const TensorReader& reader_;
  const Kernels& kernels_;
  const Gemm& gemm_;  // fp32
  const Precision precision_;
  const std::atomic<bool>& cancelled_;
  LoadProgress& progress_;

  float* memory_ = nullptr;                       // null in the first pass
  int64_t taken_ = 0, scratch_ = 0, chunks_ = 0;  // scratch_: floats of a chunk
  const float* table_ = nullptr;
  float* prefix_ = nullptr;
  std::vector<LinearPlan> linears_;
  std::vector<VectorPlan> vectors_;
  std::atomic<bool> failed_{false};
  std::mutex mutex_;
  Status status_;
};

// Offsets in floats, 64-byte aligned; in the first pass the result is null and only counts.
float* Packer::Take(int64_t floats) {
  float* result = memory_ == nullptr ? nullptr : memory_ + taken_;
  const int64_t padded = (floats + 15) / 16 * 16, zone = int64_t(kRedZone / sizeof(float));
  if (result != nullptr) Forbid(result + floats, size_t(padded - floats + zone) * sizeof(float));
  taken_ += padded + zone;
  return result;
}

void Packer::Fail(Status status) {
  std::lock_guard lock(mutex_);
  if (status_.ok()) status_ = std::move(status);
  failed_.store(true);
}

void Packer::Check(const Tensor& tensor, int64_t values, const char* role) {
  if (memory_ != nullptr || failed_) return;
  if (Status status = reader_.Check(tensor, values, role); !status.ok()) Fail(std::move(status));
}

// In int8 the last block stays bf16 (docs/numerics.md has what that gives), which costs nothing where the CLS row alone is computed there.
const Gemm& Packer::GemmOf(size_t block, Part part) const {
  if (precision_ == Precision::kFp32) return kernels_.gemm;
  const bool last = block + 1 == spec_.blocks.size() && (part != Part::kQkv || spec_.prefix_rows() > 0);
  return precision_ == Precision::kBf16 || last ? kernels_.gemm_bf16 : kernels_.gemm_int8;
}

void Packer::LayLinear(const Linear& linear, const Tensor* layer_scale, int64_t n, int64_t k, Order order, const Gemm& gemm,
                       PackedLinear& out, PackedLinear* bytes, const NormPlan& norm) {
  const int64_t nr = gemm.columns;
  const int64_t panel_count = order == Order::kGlu ? (n / 2 + nr / 2 - 1) / (nr / 2) : (n + nr - 1) / nr;
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
  plan.order = Order::kClassKeys, plan.gemm = &gemm, plan.panel_bytes = gemm.panel_bytes(head_dim), plan.first_chunk = chunks_;
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
  LayLinear(spec_.patch, nullptr, d, 3 * int64_t(spec_.patch_height) * spec_.patch_width, Order::kPatch,
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
    LayLinear(block.qkv, nullptr, 3 * inner, d, packed.by_head ? Order::kHeads : Order::kPlain, qkv, packed.qkv, nullptr, norm1);
    if (i + 1 == spec_.blocks.size()) packed.class_rows = std::min(w.prefix_rows, kMostClassRows);
    if (packed.class_rows > 0) LayClassKeys(block.qkv, packed);
    LayLinear(block.projection, &block.scale1, d, inner, Order::kPlain, GemmOf(i, Part::kProjection), packed.projection);
    const NormPlan norm2 = LayNorm(block.norm2, packed.norm2);
    LayLinear(block.fc1, nullptr, spec_.glu ? 2 * f : f, d, spec_.glu ? Order::kGlu : Order::kPlain, GemmOf(i, Part::kFc1), packed.fc1,
              nullptr, norm2);
    LayLinear(block.fc2, &block.scale2, d, f, Order::kPlain, GemmOf(i, Part::kFc2), packed.fc2);
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
    LayLinear(head.linear, nullptr, head.out, head.in, Order::kPlain, gemm_, w.heads_out[i].linear);
  }
}

void Packer::Read(const Tensor& tensor, int64_t first, int64_t count, int64_t row_values, float* out) {
  if (Status status = reader_.ReadRows(tensor, first, count, row_values, out); !status.ok()) Fail(std::move(status));
  progress_.loaded += count * row_values * int64_t(sizeof(float));
}

// The rows of a tensor that panel `panel` holds, NR of them, zeros where there are fewer. kGlu: NR/2 gate rows, then their value rows.
// kHeads: of q, k and v, each with all heads, those of one head.
void Packer::ReadSlice(const LinearPlan& plan, const Tensor& tensor, int64_t panel, int64_t row_values, float* out) {
  const int64_t nr = gemm_.columns, width = plan.order == Order::kGlu ? nr / 2 : nr, n = plan.order == Order::kGlu ? plan.n / 2 : plan.n;
  const int64_t count = std::min(width, n - panel * width);
  if (count < width) std::fill_n(out, nr * row_values, 0.0f);
  if (plan.order == Order::kHeads) {
    const int64_t slice = panel * nr / spec_.head_dim, within = panel * nr % spec_.head_dim, head = slice / 3, part = slice % 3;
    return Read(tensor, (part * spec_.heads + head) * spec_.head_dim + within, nr, row_values, out);
  }
  Read(tensor, panel * width, count, row_values, out);
  if (plan.order == Order::kGlu) Read(tensor, n + panel * width, count, row_values, out + width * row_values);
}

// fold[k] from the norm's parameters and the largest weight that meets column k. `rows`: as many rows as a panel has. The weights are read
// again to be packed: out of the system's cache that takes less than fresh memory for a whole layer would.
void Packer::Fold(const LinearPlan& plan, float* rows) {
  std::fill_n(plan.fold, plan.k, 0.0f);
  for (int64_t first = 0; first < plan.n && !failed_ && !cancelled_; first += plan.gemm->columns) {
    const int64_t count = std::min<int64_t>(plan.gemm->columns, plan.n - first);
    if (Status status = reader_.ReadRows(plan.linear->weight, first, count, plan.k, rows); !status.ok()) return Fail(std::move(status));
    for (int64_t j = 0; j < count; j++) RaiseToLargest(rows + j * plan.k, plan.k, plan.fold);
  }
  float *gamma = rows, *beta = rows + plan.k;
  if (Status status = reader_.ReadRows(plan.norm.norm->gamma, 0, plan.k, 1, gamma); !status.ok()) return Fail(std::move(status));
  if (Status status = reader_.ReadRows(plan.norm.norm->beta, 0, plan.k, 1, beta); !status.ok()) return Fail(std::move(status));
  FoldScales(gamma, beta, plan.k, plan.fold);
  // A normalised row is 0 on average, so that beta is what is left of it.
  for (int64_t k = 0; k < plan.k; k++) plan.mean[k] = beta[k] / plan.fold[k];
}

// Σ term(k), in an order that every machine has
template <class Term>
float Sum(int64_t count, Term&& term) {
  float sums[8] = {};
  int64_t k = 0;
  for (; k + 8 <= count; k += 8)
    for (int64_t i = 0; i < 8; i++) sums[i] += term(k + i);
  for (int64_t i = 0; k + i < count; i++) sums[i] += term(k + i);
  return ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
}

// `rows`: head dim · (D + NR) floats
void Packer::PackClassKeys(const LinearPlan& plan, int64_t head, float* rows) {
  const int64_t head_dim = plan.k, columns = plan.gemm->columns;
  Read(plan.linear->weight, (spec_.heads + head) * head_dim, head_dim, plan.n, rows);
  if (failed_) return;
  float* transposed = rows + head_dim * plan.n;
  const void* out[kMostPanelColumns];
  for (int64_t j = 0; j < columns; j++) out[j] = transposed + j * head_dim;
  for (int64_t panel = 0; panel < plan.panel_count; panel++) {
    for (int64_t j = 0; j < columns; j++) {
      const int64_t d = panel * columns + j;
      for (int64_t i = 0; i < head_dim; i++) transposed[j * head_dim + i] = d < plan.n ? rows[i * plan.n + d] : 0;
    }
    plan.gemm->pack_panel(out, head_dim, plan.panels + (head * plan.panel_count + panel) * plan.panel_bytes);
  }
}

// `rows`: NR·K floats and K more
void Packer::PackPanel(const LinearPlan& plan, int64_t panel, float* rows) {
  if (plan.order == Order::kClassKeys) return PackClassKeys(plan, panel, rows);
  const int64_t nr = plan.gemm->columns;
  const void* columns[kMostPanelColumns];  // on the stack: a helper thread may not fail
  for (int64_t j = 0; j < nr; j++) columns[j] = rows + j * plan.k;
  ReadSlice(plan, plan.linear->weight, panel, plan.k, rows);
  if (plan.linear->bias.present())
    ReadSlice(plan, plan.linear->bias, panel, 1, plan.bias + panel * nr);
  else if (plan.bias != nullptr)
    std::fill_n(plan.bias + panel * nr, nr, 0.0f);
  if (plan.scale != nullptr) ReadSlice(plan, *plan.layer_scale, panel, 1, plan.scale + panel * nr);
  if (failed_) return;
  for (int64_t j = 0; j < nr && plan.column_scale != nullptr; j++) {
    float* row = rows + j * plan.k;  // bytes over the floats that they come from
    // What rounding the weights takes from the result on average goes into the bias.
    float* bias = plan.mean != nullptr ? plan.bias + panel * nr + j : nullptr;
    if (bias != nullptr) *bias += Sum(plan.k, [&](int64_t k) { return row[k] * plan.fold[k] * plan.mean[k]; });
    const auto* bytes = reinterpret_cast<int8_t*>(row);
    kernels_.quantize_weights({.w = row,
                               .fold = plan.fold,
                               .k = plan.k,
                               .q = reinterpret_cast<int8_t*>(row),
                               .scale = plan.column_scale + panel * nr + j,
                               .sum = plan.column_sum + panel * nr + j});
    if (bias != nullptr)
      *bias -= plan.column_scale[panel * nr + j] * Sum(plan.k, [&](int64_t k) { return float(bytes[k]) * plan.mean[k]; });
  }
  plan.gemm->pack_panel(columns, plan.k, plan.panels + panel * plan.panel_bytes);
  if (plan.byte_panels == nullptr) return;
  PackPatchBytes(plan, panel, rows, rows + nr * plan.k);
  plan.gemm->pack_panel(columns, plan.k, plan.byte_panels + panel * plan.panel_bytes);
}

// (value·rescale − mean)/std folded in, and channels from planes to interleaved: k = (c·PH + y)·PW + x becomes (y·PW + x)·3 + c.
void Packer::PackPatchBytes(const LinearPlan& plan, int64_t panel, float* rows, float* row) {
  const int64_t pixels = plan.k / 3, nr = gemm_.columns;
  for (int64_t j = 0; j < nr; j++) {
    float* planes = rows + j * plan.k;
    double bias = plan.bias == nullptr ? 0 : double(plan.bias[panel * nr + j]);
    for (int64_t c = 0; c < 3; c++) {
      const double factor = spec_.rescale / spec_.std[c], shift = spec_.mean[c] / spec_.std[c];
      for (int64_t p = 0; p < pixels; p++) {
        const double weight = double(planes[c * pixels + p]);
        float& folded = row[p * 3 + c];
        folded = float(weight * factor);
        if (plan.gemm->input == Number::kBf16) {
          // What is subtracted is what will be multiplied: a grey picture loses nothing by the rounding.
          folded = WidenedBF16(NarrowedBF16(folded));
          bias -= double(folded) * (spec_.mean[c] / spec_.rescale);
        } else {
          bias -= weight * shift;
        }
      }
    }
    std::copy_n(row, plan.k, planes);
    plan.byte_bias[panel * nr + j] = float(bias);
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
  if (gemm_.columns > kMostPanelColumns) return Status::Error("ERR_INTERNAL", "panels wider than the packer allows");
  Lay(w);
  if (failed_) return status_;
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
    if (failed_ || cancelled_) return;
    if (chunk < int64_t(vectors_.size())) {
      const VectorPlan& vector = vectors_[size_t(chunk)];
      return Read(*vector.tensor, 0, vector.values, 1, vector.out);
    }
    chunk -= int64_t(vectors_.size());
    const auto after =
        std::upper_bound(linears_.begin(), linears_.end(), chunk, [](int64_t c, const LinearPlan& plan) { return c < plan.first_chunk; });
    const LinearPlan& plan = *(after - 1);
    PackPanel(plan, chunk - plan.first_chunk, static_cast<float*>(scratch));
  };
  const int64_t scratch_bytes = scratch_ * int64_t(sizeof(float));
  std::vector<const LinearPlan*> folded;
  for (const LinearPlan& plan : linears_)
    if (plan.fold != nullptr) folded.push_back(&plan);
  const auto fold = [&](int64_t chunk, void* scratch) {
    if (!failed_ && !cancelled_) Fold(*folded[size_t(chunk)], static_cast<float*>(scratch));
  };
  if (!folded.empty() && !team.ForEach(int64_t(folded.size()), scratch_bytes, fold))
    return Status::Error("ERR_OUT_OF_MEMORY", "no memory to pack weights");
  if (!team.ForEach(chunks_ + int64_t(vectors_.size()), scratch_bytes, pack))
    return Status::Error("ERR_OUT_OF_MEMORY", "no memory to pack weights");
  AddPrefix(w);
  if (failed_) return status_;
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
    for (int64_t i = 0; i < token.rows && !failed_; i++, row++) {
      float* out = prefix_ + row * w.token_stride;
      Read(token.value, i, 1, spec_.dim, out);
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
