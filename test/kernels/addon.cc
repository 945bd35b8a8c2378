// Test-only: any kernel of any instruction set by name, over plain typed arrays. Every operand is copied into guarded memory (guarded.h),
// the weights are packed by the ISA's own packing, and what came out is copied back. See kernels.ts for the typed door.
#include <napi.h>

#include "call.h"
#include "platform/cpu_features.h"
#include "platform/cpu_limits.h"

namespace vitrine::test {
namespace {

std::unique_ptr<Floats> PackWeights(const Gemm& gemm, const std::vector<int64_t>& order, const float* w, int64_t k) {
  auto panels = std::make_unique<Floats>(order.size() / size_t(gemm.columns) * size_t(gemm.panel_bytes(k)) / 4, 0, 64);
  Guarded<const void*> rows(size_t(gemm.columns));
  for (size_t first = 0; first < order.size(); first += rows.size()) {
    for (size_t j = 0; j < rows.size(); j++) rows.data()[j] = order[first + j] < 0 ? nullptr : w + order[first + j] * k;
    gemm.pack_panel(rows.data(), k, panels->data() + first / rows.size() * size_t(gemm.panel_bytes(k)) / 4);
  }
  panels->Check("panels");
  return panels;
}

Napi::Value RunGemm(const Napi::CallbackInfo& info) {
  const Gemm& gemm = Named(info).gemm;
  const Call call(info);
  const auto epilogue = Epilogue(call.Int("epilogue"));
  const int64_t k = call.Int("k");
  const auto order = PackedRows(gemm, call.Int("n"), epilogue == Epilogue::kGlu);
  const auto a = call.Copy("a"), w = call.Copy("w"), c = call.Copy("c");
  const auto bias = PackVector(order, call.Copy("bias"), call.Slack()), scale = PackVector(order, call.Copy("scale"), call.Slack());
  const auto panels = PackWeights(gemm, order, w->data(), k);
  const int64_t panel_count = int64_t(order.size()) / gemm.columns;
  GemmCall product = ProductOf(call, panel_count);
  product.a = a->data(), product.panels = panels->data(), product.c = c->data();
  product.bias = Data(bias), product.scale = Data(scale), product.c_number = Number::kF32;
  Multiply(call, gemm, product, panel_count);
  return Result(info, *c, "c");
}

Napi::Value RunAttention(const Napi::CallbackInfo& info) {
  return CallAttention(
      info, Named(info).attention, [](const Call& call, const char* name) { return call.Copy(name); },
      [&info](Floats& out) { return Result(info, out, "out"); });
}

// As attention, in products of int16
Napi::Value RunShortAttention(const Napi::CallbackInfo& info) {
  return CallAttention(
      info, Named(info).attention_int16, [](const Call& call, const char* name) { return call.Copy(name); },
      [&info](Floats& out) { return Result(info, out, "out"); });
}

Napi::Value RunClassAttention(const Napi::CallbackInfo& info) {
  const Call call(info);
  const ClassAttention& attention = Named(info).class_attention;
  const int64_t tokens = call.Int("tokens"), dim = call.Int("dim"), heads = call.Int("heads");
  const auto x = call.Copy("x"), u = call.Copy("u"), key_bias = call.Copy("keyBias"), out = call.Copy("out");
  const bool narrow = call.Has("narrow"), wanted = call.Has("weights");
  const auto words = narrow ? Narrow(call, "out") : nullptr;
  Guarded<uint8_t> scratch(size_t(attention.scratch_bytes(tokens, dim, heads)), 0, 64);
  Floats weights(size_t(heads * tokens), call.Slack());
  attention.run({.x = x->data(),
                 .ldx = call.Int("ldx"),
                 .u = u->data(),
                 .ldu = call.Int("ldu"),
                 .tokens = tokens,
                 .dim = dim,
                 .heads = heads,
                 .scale = call.Float("scale"),
                 .key_bias = Data(key_bias),
                 .weights = wanted ? weights.data() : nullptr,
                 .out = narrow ? static_cast<void*>(words->data()) : Data(out),
                 .out_number = narrow ? Number::kBf16 : Number::kF32,
                 .ldo = call.Int("ldo"),
                 .scratch = scratch.data()});
  x->Check("x"), u->Check("u"), scratch.Check("scratch");
  if (wanted) return Result(info, weights, "weights");
  return narrow ? Widened(info, *words, "out") : Result(info, *out, "out");
}

Napi::Value RunPatchEmbed(const Napi::CallbackInfo& info) {
  const Kernels& kernels = Named(info);
  const Call call(info);
  const auto patch_height = int32_t(call.Int("patchHeight")), patch_width = int32_t(call.Int("patchWidth"));
  const int64_t k = int64_t(3) * patch_height * patch_width;
  const PatchEmbed& patch_embed = call.Has("narrow") ? kernels.patch_embed_bf16 : kernels.patch_embed;
  const Gemm& gemm = patch_embed.input == Number::kBf16 ? kernels.gemm_bf16 : kernels.gemm;
  const auto order = PackedRows(gemm, call.Int("n"), false);
  const auto w = call.Copy("w"), position = call.Copy("position"), tokens = call.Copy("tokens"), planes = call.Copy("planes");
  const auto bias = PackVector(order, call.Copy("bias"), call.Slack());
  std::unique_ptr<Guarded<uint8_t>> bytes;
  if (call.Has("bytes")) {
    const auto array = call.object.Get("bytes").As<Napi::Uint8Array>();
    bytes = std::make_unique<Guarded<uint8_t>>(array.Data(), array.ElementLength(), call.Slack());
  }
  const auto panels = PackWeights(gemm, order, w->data(), k);
  Guarded<uint8_t> scratch(size_t(patch_embed.scratch_bytes(k)), 0, 64);
  const PatchEmbedCall arguments{.bytes = bytes != nullptr ? bytes->data() : nullptr,
                                 .planes = Data(planes),
                                 .height = int32_t(call.Int("height")),
                                 .width = int32_t(call.Int("width")),
                                 .patch_height = patch_height,
                                 .patch_width = patch_width,
                                 .panels = panels->data(),
                                 .panel_count = int64_t(order.size()) / gemm.columns,
                                 .bias = Data(bias),
                                 .position = Data(position),
                                 .ld_position = call.Int("ldt"),
                                 .tokens = tokens->data(),
                                 .ldt = call.Int("ldt"),
                                 .patch_begin = call.Int("patchBegin"),
                                 .patch_end = call.Int("patchEnd"),
                                 .scratch = scratch.data()};
  (bytes != nullptr ? patch_embed.from_bytes : patch_embed.from_planes)(arguments);
  scratch.Check("scratch");
  return Result(info, *tokens, "tokens");
}

Napi::Value RunLayerNorm(const Napi::CallbackInfo& info) {
  const Call call(info);
  const auto x = call.Copy("x"), y = call.Copy("y"), gamma = call.Copy("gamma"), beta = call.Copy("beta");
  float* out = y != nullptr ? y->data() : x->data();  // in place without y
  Named(info).layer_norm({.x = x->data(),
                          .ldx = call.Int("ldx"),
                          .y = out,
                          .y_number = Number::kF32,
                          .ldy = call.Int("ldy"),
                          .y_scale = nullptr,
                          .y_zero = nullptr,
                          .gamma = gamma->data(),
                          .beta = beta->data(),
                          .rows = call.Int("rows"),
                          .dim = call.Int("dim"),
                          .eps = call.Float("eps")});
  x->Check("x");
  return Result(info, y != nullptr ? *y : *x, "y");
}

Napi::Value RunActivate(const Napi::CallbackInfo& info) {
  const Call call(info);
  const auto x = call.Copy("x");
  Floats y(x->size(), call.Slack());
  float* out = call.Has("inPlace") ? x->data() : y.data();
  Named(info).activate(Activation(call.Int("activation")), x->data(), out, int64_t(x->size()));
  x->Check("x");
  return Result(info, call.Has("inPlace") ? *x : y, "y");
}

// Fields as in native/kernels/resample.h, coefficients [outputs, taps] unpacked; `index` asks for the vertical pass of that output, without
// it `rows` go through the horizontal one. `source` ends where nothing may be read.
Napi::Value RunResample(const Napi::CallbackInfo& info) {
  const Resample& resample = Named(info).resample;
  const Call call(info);
  const auto ints = [&](const char* name) { return call.object.Get(name).As<Napi::Int32Array>(); };
  const auto bytes = [&](const char* name) {
    const auto array = call.object.Get(name).As<Napi::Uint8Array>();
    return std::make_unique<Guarded<uint8_t>>(array.Data(), array.ElementLength(), call.Slack());
  };
  const auto first = ints("first"), length = ints("length"), coefficient = ints("coefficients");
  const auto outputs = int32_t(first.ElementLength()), taps = int32_t(call.Int("taps"));
  const int64_t row_bytes = resample.row_bytes(taps);
  Guarded<uint8_t> packed(size_t(outputs * row_bytes), 0, 64);
  for (int32_t i = 0; i < outputs; i++) {
    resample.pack_row(coefficient.Data() + i * taps, length[size_t(i)], taps, packed.data() + i * row_bytes);
  }
  packed.Check("packed coefficients");
  const ResampleAxis axis{.first = first.Data(),
                          .length = length.Data(),
                          .packed = packed.data(),
                          .outputs = outputs,
                          .taps = taps,
                          .bits = int32_t(call.Int("bits"))};
  const auto source = bytes("source"), out = bytes("out");
  const int64_t stride = call.Int("stride");
  if (call.Has("index")) {
    resample.vertical(source->data(), stride, out->data(), int64_t(out->size()), axis, int32_t(call.Int("index")));
  } else {
    const int64_t rows = call.Int("rows"), readable = int64_t(source->size()) - (rows - 1) * stride;
    resample.horizontal(source->data(), stride, readable, out->data(), call.Int("outStride"), int32_t(rows), axis);
  }
  out->Check("out");
  auto array = Napi::Uint8Array::New(info.Env(), out->size());
  std::memcpy(array.Data(), out->data(), out->size());
  return array;
}

// --- what is there ---

Napi::Value ListOf(Napi::Env env, const std::vector<IsaEntry>& isas) {
  auto list = Napi::Array::New(env);
  for (const IsaEntry& isa : isas) {
    auto entry = Napi::Object::New(env);
    entry.Set("name", isa.name);
    entry.Set("supported", isa.supported);
    entry.Set("fault", isa.fault);
    entry.Set("rows", isa.kernels->gemm.rows);
    entry.Set("columns", isa.kernels->gemm.columns);
    entry.Set("bf16", isa.kernels->gemm_bf16.input == Number::kBf16);
    entry.Set("narrowPairs", isa.kernels->gemm_bf16.run_pairs != nullptr);
    entry.Set("bytePairs", isa.kernels->gemm_int8.run_pairs != nullptr);
    list.Set(list.Length(), entry);
  }
  return list;
}

Napi::Value Isas(const Napi::CallbackInfo& info) { return ListOf(info.Env(), AllIsas()); }
Napi::Value ListStandIns(const Napi::CallbackInfo& info) { return ListOf(info.Env(), StandIns()); }

// The tile of the kernels in force, { code, message } where VITRINE_ISA asks for what is not there
Napi::Value Active(const Napi::CallbackInfo& info) {
  const IsaEntry* active;
  const Status status = ActiveIsa(&active);
  auto result = Napi::Object::New(info.Env());
  if (!status.ok()) {
    result.Set("code", status.code);
    result.Set("message", status.message);
  } else {
    result.Set("name", active->name);
    result.Set("rows", active->kernels->gemm.rows);
    result.Set("columns", active->kernels->gemm.columns);
  }
  return result;
}

Napi::Value AttentionScratch(const Napi::CallbackInfo& info) {
  const int64_t tokens = info[1].As<Napi::Number>().Int64Value(), head_dim = info[2].As<Napi::Number>().Int64Value();
  return Napi::Number::New(info.Env(), double(Named(info).attention.scratch_bytes(tokens, head_dim)));
}

// Answers of CPUID and XCR0 → the ISAs' required bits that they satisfy, by name
Napi::Value SupportedBy(const Napi::CallbackInfo& info) {
  const auto object = info[0].As<Napi::Object>();
  const auto word = [&](const char* name) { return object.Get(name).As<Napi::Number>().Uint32Value(); };
  const uint64_t features =
      FeaturesOf({word("leaf1Ecx"), word("leaf1Edx"), word("leaf7Ebx"), word("leaf7Ecx"), word("leaf71Eax"), word("savedStates")});
  auto list = Napi::Array::New(info.Env());
#define VITRINE_ISA(isa, arch, bits, flags) \
  if (((bits) & ~features) == 0) list.Set(list.Length(), #isa);
#include "kernels/isa_list.h"
#undef VITRINE_ISA
  return list;
}

// CPUs that the control groups allow, as a tree of files at a path describes them
Napi::Value CgroupCpusAt(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), CgroupCpus(info[0].As<Napi::String>().Utf8Value()));
}

// For the sanitizers' own test: a heap overflow that they must catch
Napi::Value PlantOverflow(const Napi::CallbackInfo& info) {
  const std::unique_ptr<volatile char[]> four(new volatile char[4]);
  volatile size_t index = 4;
  return Napi::Number::New(info.Env(), four[index]);
}

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  exports.Set("isas", Napi::Function::New(env, Isas));
  exports.Set("standIns", Napi::Function::New(env, ListStandIns));
  exports.Set("active", Napi::Function::New(env, Active));
  exports.Set("supportedBy", Napi::Function::New(env, SupportedBy));
  exports.Set("attentionScratch", Napi::Function::New(env, AttentionScratch));
  exports.Set("gemm", Napi::Function::New(env, RunGemm));
  exports.Set("narrowGemm", Napi::Function::New(env, RunNarrowGemm));
  exports.Set("quantize", Napi::Function::New(env, RunQuantize));
  exports.Set("quantizeWeights", Napi::Function::New(env, RunQuantizeWeights));
  exports.Set("narrowNorm", Napi::Function::New(env, RunNarrowNorm));
  exports.Set("pairAttention", Napi::Function::New(env, RunPairAttention));
  exports.Set("attention", Napi::Function::New(env, RunAttention));
  exports.Set("shortAttention", Napi::Function::New(env, RunShortAttention));
  exports.Set("classAttention", Napi::Function::New(env, RunClassAttention));
  exports.Set("patchEmbed", Napi::Function::New(env, RunPatchEmbed));
  exports.Set("layerNorm", Napi::Function::New(env, RunLayerNorm));
  exports.Set("resample", Napi::Function::New(env, RunResample));
  exports.Set("activate", Napi::Function::New(env, RunActivate));
  exports.Set("cgroupCpus", Napi::Function::New(env, CgroupCpusAt));
  exports.Set("plantOverflow", Napi::Function::New(env, PlantOverflow));
  return exports;
}

}  // namespace
}  // namespace vitrine::test

using vitrine::test::Init;
NODE_API_MODULE(vitrine_test_kernels, Init)
