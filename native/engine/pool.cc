// Primitives over rows, behind pool.h. Before it: encoder.cc; after it: lib/tensor.ts.
#include "pool.h"

#include <algorithm>
#include <cmath>
#include <string>

namespace vitrine {
namespace {

Status Unavailable(std::string message) { return Status::Error("ERR_POOL_UNAVAILABLE", "output: " + std::move(message)); }

Status BranchLength(const Weights& weights, int64_t tokens, const PoolBranch& branch, int64_t* length) {
  *length = 0;
  for (const PoolTerm& term : branch.terms) {
    const RowRange rows = RowsOf(term, tokens);
    if (term.row < 0 || term.row >= tokens || term.count < -1 || term.count > tokens || rows.begin >= rows.end || rows.end > tokens) {
      return Unavailable("rows " + std::to_string(rows.begin) + " to " + std::to_string(rows.end) + " of " + std::to_string(tokens) +
                         " tokens");
    }
    *length += (term.mean ? 1 : rows.size()) * weights.dim;
    if (*length > (int64_t{1} << 48)) return Unavailable("too many terms");
  }
  if (*length == 0) return Unavailable("a branch without terms");
  if (branch.head == -1) return Status::Ok();
  if (branch.head < 0 || size_t(branch.head) >= weights.heads_out.size())
    return Unavailable("there is no head " + std::to_string(branch.head));
  const PackedHead& head = weights.heads_out[size_t(branch.head)];
  if (head.in != *length) {
    return Unavailable("head " + std::to_string(branch.head) + " reads " + std::to_string(head.in) + " values, its terms have " +
                       std::to_string(*length));
  }
  *length = head.out;
  return Status::Ok();
}

}  // namespace

RowRange RowsOf(const PoolTerm& term, int64_t tokens) { return {term.row, term.count == -1 ? tokens : term.row + term.count}; }

void MeanOfRows(Matrix rows, RowRange range, int64_t dim, double* sums, float* out, const float* sizes) {
  std::fill_n(sums, dim, 0.0);
  double total = 0;
  for (int64_t r = range.begin; r < range.end; r++) {
    const float* row = rows.row(r);
    const double size = sizes != nullptr ? double(sizes[r]) : 1;
    for (int64_t d = 0; d < dim; d++) sums[d] += size * double(row[d]);
    total += size;
  }
  for (int64_t d = 0; d < dim; d++) out[d] = float(sums[d] / total);
}

void NormalizeLength(float* row, int64_t length) {
  double squares = 0;
  for (int64_t i = 0; i < length; i++) squares += double(row[i]) * double(row[i]);
  if (squares == 0) return;
  const double inverse = 1 / std::sqrt(squares);
  for (int64_t i = 0; i < length; i++) row[i] = float(double(row[i]) * inverse);
}

Status OutputLength(const Weights& weights, int64_t tokens, const Output& output, int64_t* length) {
  if (output.kind == Output::Kind::kAttention) {
    if (weights.blocks.empty()) return Unavailable("there is no block whose attention it could be");
    if (tokens <= weights.prefix_rows) return Unavailable("there are no patches");
    *length = weights.heads * (tokens - weights.prefix_rows);
    return Status::Ok();
  }
  if (output.layer < -1 || output.layer > int64_t(weights.blocks.size())) {
    return Unavailable("layer " + std::to_string(output.layer) + " of " + std::to_string(weights.blocks.size()));
  }
  if (output.branches.empty()) return Unavailable("it has no branches");
  for (size_t i = 0; i < output.branches.size(); i++) {
    int64_t branch_length = 0;
    if (Status status = BranchLength(weights, tokens, output.branches[i], &branch_length); !status.ok()) return status;
    if (i > 0 && branch_length != *length) return Unavailable("branches of different lengths cannot be averaged");
    *length = branch_length;
  }
  return Status::Ok();
}

void AddRowsRead(const Output& output, int64_t tokens, RowsRead* rows) {
  for (const PoolBranch& branch : output.branches) {
    for (const PoolTerm& term : branch.terms) (term.after_norm ? rows->after_norm : rows->before_norm).Add(RowsOf(term, tokens));
  }
}

bool WriteOutput(const Weights& weights, const Stages& stages, Arena& arena, const Output& output, int64_t tokens, Matrix plain,
                 Matrix normed, const float* sizes, float* out) {
  int64_t length = 0, widest = 0;
  for (const PoolBranch& branch : output.branches) {
    static_cast<void>(BranchLength(weights, tokens, branch, &length));
    widest = std::max(widest, length);
    if (branch.head != -1) widest = std::max(widest, weights.heads_out[size_t(branch.head)].in);
  }
  const int64_t panel_columns = weights.kernels->gemm.columns, padded = PaddedStride(length, panel_columns);
  auto* sums = arena.Array<double>(weights.dim);
  const bool direct = output.branches.size() == 1 && output.branches[0].head == -1;
  float* terms = direct ? out : arena.Array<float>(widest);
  float* branch_out = direct ? out : arena.Array<float>(padded);
  if (sums == nullptr || terms == nullptr || branch_out == nullptr) return false;

  for (size_t i = 0; i < output.branches.size(); i++) {
    const PoolBranch& branch = output.branches[i];
    float* at = terms;
    for (const PoolTerm& term : branch.terms) {
      const RowRange range = RowsOf(term, tokens);
      const Matrix& rows = term.after_norm ? normed : plain;
      if (term.mean) {
        MeanOfRows(rows, range, weights.dim, sums, at, sizes);
        at += weights.dim;
      } else {
        for (int64_t r = range.begin; r < range.end; r++, at += weights.dim) std::copy_n(rows.row(r), weights.dim, at);
      }
    }
    const float* result = terms;
    if (branch.head != -1) {
      const PackedHead& head = weights.heads_out[size_t(branch.head)];
      stages.Multiply({Stage::kOutput, head.linear, {terms, head.in}, {branch_out, padded}, Epilogue::kStore, head.activation},
                      RowSet::All(1), AllPanels(head.linear));
      result = branch_out;
    }
    if (direct) break;
    if (i == 0)
      std::copy_n(result, length, out);
    else
      for (int64_t j = 0; j < length; j++) out[j] += result[j];
  }
  if (output.branches.size() > 1) {
    for (int64_t j = 0; j < length; j++) out[j] /= float(output.branches.size());
  }
  if (output.normalize) {
    // Lone rows as they are stay vectors of their own.
    const RecycledVector<PoolTerm>& read = output.branches[0].terms;
    const int64_t vector = direct && read.size() == 1 && !read[0].mean ? weights.dim : length;
    for (int64_t at = 0; at < length; at += vector) NormalizeLength(out + at, vector);
  }
  return true;
}

}  // namespace vitrine
