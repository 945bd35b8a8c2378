// Ranges and the key of a spec, behind spec_check.h.
#include "spec_check.h"

#include <cmath>
#include <cstring>

namespace vitrine {
namespace {

class Checker {
 public:
  void Range(const char* field, int64_t value, int64_t least, int64_t most) {
    if (value >= least && value <= most) return;
    Fail(std::string(field) + " must be from " + std::to_string(least) + " to " + std::to_string(most) + ", found " +
         std::to_string(value));
  }
  void Present(const char* field, const Tensor& tensor) {
    if (!tensor.present()) Fail(std::string(field) + " is missing");
  }
  void Finite(const char* field, double value) {
    if (!std::isfinite(value)) Fail(std::string(field) + " must be a finite number");
  }
  void Fail(std::string message) {
    if (status.ok()) status = Status::Error("ERR_CHECKPOINT_UNSUPPORTED", "encoder spec: " + std::move(message));
  }
  Status status;
};

// A flat byte string; lengths before contents, so that no two specs share one.
class Key {
 public:
  template <class T>
  void Value(T value) {
    static_assert(std::is_trivially_copyable_v<T>);
    char bytes[sizeof(T)];
    std::memcpy(bytes, &value, sizeof(T));
    text.append(bytes, sizeof(T));
  }
  void Tensor(const vitrine::Tensor& tensor) {
    Value(tensor.parts.size());
    for (const TensorPart& part : tensor.parts) {
      Value(part.file);
      Value(part.offset);
      Value(part.dtype);
      Value(part.shape.size());
      for (const int64_t side : part.shape) Value(side);
    }
  }
  void Linear(const vitrine::Linear& linear) { Tensor(linear.weight), Tensor(linear.bias); }
  void Norm(const vitrine::Norm& norm) { Tensor(norm.gamma), Tensor(norm.beta); }
  std::string text;
};

}  // namespace

Status CheckSpec(const EncoderSpec& spec) {
  constexpr int64_t kWide = 1 << 20;
  Checker check;
  check.Range("dim", spec.dim, 1, kWide);
  check.Range("heads", spec.heads, 1, 1 << 16);
  check.Range("headDim", spec.head_dim, 1, 1 << 16);
  if (check.status.ok()) check.Range("heads · headDim", spec.heads * spec.head_dim, 1, kWide);
  check.Range("mlpWidth", spec.mlp_width, 1, kWide);
  check.Range("patchHeight", spec.patch_height, 1, 1 << 12);
  check.Range("patchWidth", spec.patch_width, 1, 1 << 12);
  check.Range("number of blocks", int64_t(spec.blocks.size()), 0, 1 << 12);
  check.Range("number of files", int64_t(spec.files.size()), 0, 1 << 16);
  check.Range("number of prefix tokens", int64_t(spec.prefix.size()), 0, 1 << 12);
  for (const PrefixToken& token : spec.prefix) {
    check.Range("rows of a prefix token", token.rows, 0, 1 << 16);
    if (token.rows > 0) check.Present("value of a prefix token", token.value);
  }
  if (spec.position) {
    check.Range("gridHeight", spec.position->grid_height, 1, 1 << 14);
    check.Range("gridWidth", spec.position->grid_width, 1, 1 << 14);
    check.Present("position table", spec.position->table);
  }
  check.Present("patch weight", spec.patch.weight);
  const auto norm = [&check](const Norm& value) { check.Present("norm gamma", value.gamma), check.Present("norm beta", value.beta); };
  if (spec.pre_norm) norm(*spec.pre_norm);
  if (spec.final_norm) norm(*spec.final_norm);
  for (const Block& block : spec.blocks) {
    norm(block.norm1), norm(block.norm2);
    check.Present("qkv weight", block.qkv.weight), check.Present("projection weight", block.projection.weight);
    check.Present("fc1 weight", block.fc1.weight), check.Present("fc2 weight", block.fc2.weight);
  }
  check.Range("number of heads", int64_t(spec.heads_out.size()), 0, 1 << 10);
  for (const Head& head : spec.heads_out) {
    check.Range("head in", head.in, 1, kWide), check.Range("head out", head.out, 1, kWide);
    check.Present("head weight", head.linear.weight);
  }
  check.Finite("eps", double(spec.eps));
  check.Finite("rescale", spec.rescale);
  for (int c = 0; c < 3; c++) {
    check.Finite("mean", spec.mean[c]), check.Finite("std", spec.std[c]);
    if (spec.std[c] == 0) check.Fail("std must not be 0");
  }
  return check.status;
}

std::string SpecKey(const EncoderSpec& spec) {
  Key key;
  for (const int64_t value : {spec.dim, spec.heads, spec.head_dim, spec.mlp_width, int64_t(spec.patch_height), int64_t(spec.patch_width),
                              int64_t(spec.glu), int64_t(spec.activation)}) {
    key.Value(value);
  }
  key.Value(spec.eps), key.Value(spec.rescale);
  for (int c = 0; c < 3; c++) key.Value(spec.mean[c]), key.Value(spec.std[c]);
  key.Linear(spec.patch);
  key.Value(spec.prefix.size());
  for (const PrefixToken& token : spec.prefix) key.Tensor(token.value), key.Value(token.rows), key.Value(token.has_position);
  key.Value(spec.position.has_value());
  if (spec.position) {
    key.Tensor(spec.position->table), key.Value(spec.position->grid_height), key.Value(spec.position->grid_width);
    key.Value(spec.position->resize.antialias), key.Value(spec.position->resize.align_corners);
  }
  for (const auto* norm : {&spec.pre_norm, &spec.final_norm}) {
    key.Value(norm->has_value());
    if (*norm) key.Norm(**norm);
  }
  key.Value(spec.blocks.size());
  for (const Block& block : spec.blocks) {
    key.Norm(block.norm1), key.Linear(block.qkv), key.Linear(block.projection), key.Tensor(block.scale1);
    key.Norm(block.norm2), key.Linear(block.fc1), key.Linear(block.fc2), key.Tensor(block.scale2);
  }
  for (const Head& head : spec.heads_out) key.Linear(head.linear), key.Value(head.activation), key.Value(head.in), key.Value(head.out);
  return key.text;
}

}  // namespace vitrine
