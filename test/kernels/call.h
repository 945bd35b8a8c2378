// What the calls of the test-only addon share: the fields of one call, copied into guarded memory, and the ISA that it is for.
#pragma once

#include <napi.h>

#include <memory>
#include <string>
#include <vector>

#include "guarded.h"
#include "kernels/dispatch.h"
#include "stand_ins.h"

namespace vitrine::test {

using Floats = Guarded<float>;
using Words = Guarded<uint16_t>;

// The fields of one call, read from a plain object
struct Call {
  const Napi::Object object;
  explicit Call(const Napi::CallbackInfo& info) : object(info[1].As<Napi::Object>()) {}
  int64_t Int(const char* name) const { return object.Get(name).As<Napi::Number>().Int64Value(); }
  float Float(const char* name) const { return object.Get(name).As<Napi::Number>().FloatValue(); }
  bool Has(const char* name) const { return !object.Get(name).IsUndefined() && !object.Get(name).IsNull(); }
  size_t Slack() const { return Has("slack") ? size_t(Int("slack")) : 0; }
  Napi::Float32Array Array(const char* name) const { return object.Get(name).As<Napi::Float32Array>(); }
  std::unique_ptr<Floats> Copy(const char* name) const {
    if (!Has(name)) return nullptr;
    const Napi::Float32Array array = Array(name);
    return std::make_unique<Floats>(array.Data(), array.ElementLength(), Slack());
  }
};

inline float* Data(const std::unique_ptr<Floats>& floats) { return floats != nullptr ? floats->data() : nullptr; }

inline Napi::Value Result(const Napi::CallbackInfo& info, Floats& floats, const char* what) {
  floats.Check(what);
  auto array = Napi::Float32Array::New(info.Env(), floats.size());
  if (floats.size() > 0) std::memcpy(array.Data(), floats.data(), floats.size() * sizeof(float));
  return array;
}

// Floats that bf16 represents, by their upper halves
inline std::unique_ptr<Words> Narrow(const Call& call, const char* name) {
  const Napi::Float32Array array = call.Array(name);
  auto words = std::make_unique<Words>(array.ElementLength(), call.Slack());
  for (size_t i = 0; i < words->size(); i++) {
    uint32_t bits;
    std::memcpy(&bits, array.Data() + i, 4);
    words->data()[i] = uint16_t(bits >> 16);
  }
  return words;
}

inline Napi::Value Widened(const Napi::CallbackInfo& info, Words& words, const char* what) {
  words.Check(what);
  auto array = Napi::Float32Array::New(info.Env(), words.size());
  for (size_t i = 0; i < words.size(); i++) {
    const uint32_t bits = uint32_t(words.data()[i]) << 16;
    std::memcpy(array.Data() + i, &bits, 4);
  }
  return array;
}

// A product but for its operands: of all panels, in pairs of all of the first half, where the call does not say which.
inline GemmCall ProductOf(const Call& call, int64_t panel_count) {
  GemmCall product{};
  product.lda = call.Int("lda"), product.ldc = call.Int("ldc"), product.k = call.Int("k");
  product.row_begin = call.Int("rowBegin"), product.row_end = call.Int("rowEnd");
  product.panel_begin = call.Has("panelBegin") ? call.Int("panelBegin") : 0;
  product.panel_end = call.Has("panelEnd") ? call.Int("panelEnd") : panel_count / (call.Has("pairs") ? 2 : 1);
  product.epilogue = Epilogue(call.Int("epilogue")), product.activation = Activation(call.Int("activation"));
  return product;
}

// run, or run_pairs with guarded scratch
inline void Multiply(const Call& call, const Gemm& gemm, const GemmCall& product, int64_t panel_count) {
  if (!call.Has("pairs")) return gemm.run(product);
  const auto bytes = size_t(gemm.pair_scratch_bytes(product.k, product.row_end - product.row_begin));
  Guarded<std::byte> scratch(bytes, 0, 64);
  gemm.run_pairs({product, panel_count, scratch.data()});
  scratch.Check("scratch");
}

// The kernels of an ISA; "active" are those that VITRINE_ISA or the CPU chose.
inline const Kernels& Named(const Napi::CallbackInfo& info) {
  const std::string name = info[0].As<Napi::String>();
  if (name == "active") {
    const IsaEntry* active;
    const Status status = ActiveIsa(&active);
    if (!status.ok()) throw Napi::Error::New(info.Env(), status.code + ": " + status.message);
    return *active->kernels;
  }
  for (const auto* isas : {&AllIsas(), &StandIns()})
    for (const IsaEntry& isa : *isas)
      if (isa.supported && name == isa.name) return *isa.kernels;
  throw Napi::Error::New(info.Env(), "no kernels of " + name + " on this machine");
}

// Packed column → row of w [n,k], or -1 for a column that is not there. kGlu: w holds n/2 gate rows, then n/2 value rows.
inline std::vector<int64_t> PackedRows(const Gemm& gemm, int64_t n, bool glu) {
  const int64_t columns = gemm.columns, half = columns / 2, width = glu ? half : columns, wide = glu ? n / 2 : n;
  std::vector<int64_t> rows;
  for (int64_t panel = 0; panel < (wide + width - 1) / width; panel++) {
    for (int64_t j = 0; j < columns; j++) {
      const int64_t column = panel * width + j % width;
      rows.push_back(column >= wide ? -1 : glu && j >= half ? wide + column : column);
    }
  }
  return rows;
}

// A vector [n] in packed order; columns that are not there are NaN
inline std::unique_ptr<Floats> PackVector(const std::vector<int64_t>& order, const std::unique_ptr<Floats>& values, size_t slack) {
  if (values == nullptr) return nullptr;
  auto packed = std::make_unique<Floats>(order.size(), slack);
  for (size_t i = 0; i < order.size(); i++)
    if (order[i] >= 0) packed->data()[i] = values->data()[order[i]];
  return packed;
}

// run → out; with `weights` set, the softmax weights of queryBegin. copy(call, name) gives an operand in the kernel's numbers, result(out)
// what JavaScript gets of it.
template <class Copy, class ToResult>
Napi::Value CallAttention(const Napi::CallbackInfo& info, const Attention& attention, Copy&& copy, ToResult&& result) {
  const Call call(info);
  const int64_t tokens = call.Int("tokens"), head_dim = call.Int("headDim");
  const auto q = copy(call, "q"), k = copy(call, "k"), v = copy(call, "v"), out = copy(call, "out");
  Guarded<uint8_t> keys(size_t(attention.key_bytes(tokens, head_dim)), 0, 64),
      values(size_t(attention.value_bytes(tokens, head_dim)), 0, 64);
  Guarded<uint8_t> scratch(size_t(attention.scratch_bytes(tokens, head_dim)), 0, 64);
  attention.pack(k->data(), v->data(), call.Int("ld"), tokens, head_dim, keys.data(), values.data());
  const auto key_bias = call.Copy("keyBias");
  const AttentionCall arguments{.q = q->data(),
                                .ldq = call.Int("ld"),
                                .key_panels = keys.data(),
                                .value_panels = values.data(),
                                .tokens = tokens,
                                .head_dim = head_dim,
                                .query_begin = call.Int("queryBegin"),
                                .query_end = call.Int("queryEnd"),
                                .scale = call.Float("scale"),
                                .key_bias = Data(key_bias),
                                .out = out->data(),
                                .ldo = call.Int("ldo"),
                                .scratch = scratch.data()};
  Floats weights(size_t(tokens), call.Slack());
  if (call.Has("weights")) {
    attention.weights(arguments, weights.data());
  } else {
    attention.run(arguments);
  }
  keys.Check("key panels"), values.Check("value panels"), scratch.Check("scratch");
  return call.Has("weights") ? Result(info, weights, "weights") : result(*out);
}

// narrow.cc: bf16 and bytes
Napi::Value RunNarrowGemm(const Napi::CallbackInfo& info);
Napi::Value RunQuantize(const Napi::CallbackInfo& info);
Napi::Value RunQuantizeWeights(const Napi::CallbackInfo& info);
Napi::Value RunNarrowNorm(const Napi::CallbackInfo& info);
Napi::Value RunPairAttention(const Napi::CallbackInfo& info);

}  // namespace vitrine::test
