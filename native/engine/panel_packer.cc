// How each panel is read, converted and packed, behind panel_packer.h.
#include "panel_packer.h"

#include <algorithm>

#include "halves.h"
#include "norm_fold.h"

namespace vitrine {
namespace {

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

}  // namespace

void PanelPacker::Fail(Status status) {
  std::lock_guard lock(mutex_);
  if (status_.ok()) status_ = std::move(status);
  failed_.store(true);
}

void PanelPacker::Read(const Tensor& tensor, int64_t first, int64_t count, int64_t row_values, float* out) {
  if (Status status = reader_.ReadRows(tensor, first, count, row_values, out); !status.ok()) Fail(std::move(status));
  progress_.loaded += count * row_values * int64_t(sizeof(float));
}

// The rows of a tensor that panel `panel` holds, NR of them, zeros where there are fewer. kGlu: NR/2 gate rows, then their value rows.
// kHeads: of q, k and v, each with all heads, those of one head.
void PanelPacker::ReadSlice(const LinearPlan& plan, const Tensor& tensor, int64_t panel, int64_t row_values, float* out) {
  const bool glu = plan.order == PanelOrder::kGlu;
  const int64_t nr = kernels_.gemm.columns, width = glu ? nr / 2 : nr, n = glu ? plan.n / 2 : plan.n;
  const int64_t count = std::min(width, n - panel * width);
  if (count < width) std::fill_n(out, nr * row_values, 0.0f);
  if (plan.order == PanelOrder::kHeads) {
    const int64_t slice = panel * nr / spec_.head_dim, within = panel * nr % spec_.head_dim, head = slice / 3, part = slice % 3;
    return Read(tensor, (part * spec_.heads + head) * spec_.head_dim + within, nr, row_values, out);
  }
  Read(tensor, panel * width, count, row_values, out);
  if (glu) Read(tensor, n + panel * width, count, row_values, out + width * row_values);
}

// fold[k] from the norm's parameters and the largest weight that meets column k. `rows`: as many rows as a panel has. The weights are read
// again to be packed: out of the system's cache that takes less than fresh memory for a whole layer would.
void PanelPacker::Fold(const LinearPlan& plan, float* rows) {
  std::fill_n(plan.fold, plan.k, 0.0f);
  for (int64_t first = 0; first < plan.n && !Stops(); first += plan.gemm->columns) {
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

void PanelPacker::PackClassKeys(const LinearPlan& plan, int64_t head, float* rows) {
  const int64_t head_dim = plan.k, columns = plan.gemm->columns;
  Read(plan.linear->weight, (spec_.heads + head) * head_dim, head_dim, plan.n, rows);
  if (failed_) return;
  float* transposed = rows + head_dim * plan.n;
  const void* out[kMostColumns];
  for (int64_t j = 0; j < columns; j++) out[j] = transposed + j * head_dim;
  for (int64_t panel = 0; panel < plan.panel_count; panel++) {
    for (int64_t j = 0; j < columns; j++) {
      const int64_t d = panel * columns + j;
      for (int64_t i = 0; i < head_dim; i++) transposed[j * head_dim + i] = d < plan.n ? rows[i * plan.n + d] : 0;
    }
    plan.gemm->pack_panel(out, head_dim, plan.panels + (head * plan.panel_count + panel) * plan.panel_bytes);
  }
}

void PanelPacker::Pack(const LinearPlan& plan, int64_t panel, float* rows) {
  if (plan.order == PanelOrder::kClassKeys) return PackClassKeys(plan, panel, rows);
  const int64_t nr = plan.gemm->columns;
  const void* columns[kMostColumns];  // on the stack: a helper thread may not fail
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
void PanelPacker::PackPatchBytes(const LinearPlan& plan, int64_t panel, float* rows, float* row) {
  const int64_t pixels = plan.k / 3, nr = kernels_.gemm.columns;
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

}  // namespace vitrine
