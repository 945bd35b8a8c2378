// The kernels of bf16 and bytes, over arrays of floats that bf16 represents, or of bytes. See narrow.ts for the typed door.
#include "call.h"

namespace vitrine::test {
namespace {

using Bytes = Guarded<uint8_t>;

template <class T, class Array>
std::unique_ptr<Guarded<T>> CopyOf(const Call& call, const char* name) {
  if (!call.Has(name)) return nullptr;
  const auto array = call.object.Get(name).As<Array>();
  return std::make_unique<Guarded<T>>(reinterpret_cast<const T*>(array.Data()), array.ElementLength(), call.Slack());
}

template <class T, class Array>
Napi::Value ArrayOf(const Napi::CallbackInfo& info, Guarded<T>& values, const char* what) {
  values.Check(what);
  auto array = Array::New(info.Env(), values.size());
  if (values.size() > 0) std::memcpy(array.Data(), values.data(), values.size() * sizeof(T));
  return array;
}

}  // namespace

// number 1: gemm_bf16, a and w floats that bf16 represents; 2: gemm_int8, a Uint8Array with aScale, aZero, w Int8Array with columnScale
Napi::Value RunNarrowGemm(const Napi::CallbackInfo& info) {
  const Call call(info);
  const bool bytes = call.Int("number") == 2, narrow_c = call.Int("cNumber") == 1;
  const Gemm& gemm = bytes ? Named(info).gemm_int8 : Named(info).gemm_bf16;
  const auto epilogue = Epilogue(call.Int("epilogue"));
  const int64_t k = call.Int("k"), n = call.Int("n");
  const auto order = PackedRows(gemm, n, epilogue == Epilogue::kGlu);
  const size_t columns = size_t(gemm.columns), panel_bytes = size_t(gemm.panel_bytes(k));

  std::unique_ptr<Words> a_words;
  std::unique_ptr<Floats> a_floats, c_floats;
  std::unique_ptr<Bytes> a_bytes;
  if (bytes) {
    a_bytes = CopyOf<uint8_t, Napi::Uint8Array>(call, "a");
  } else if (gemm.input == Number::kBf16) {
    a_words = Narrow(call, "a");
  } else {
    a_floats = call.Copy("a");
  }
  const void* a = a_bytes   ? static_cast<const void*>(a_bytes->data())
                  : a_words ? static_cast<const void*>(a_words->data())
                            : a_floats->data();
  const auto a_scale = call.Copy("aScale");
  const auto a_zero = CopyOf<int32_t, Napi::Int32Array>(call, "aZero");

  Bytes panels(order.size() / columns * panel_bytes, 0, 64);
  Floats column_scale(order.size());
  Guarded<int32_t> column_sum(order.size());
  const auto weights = call.object.Get("w").As<Napi::TypedArray>();
  const auto* w = static_cast<const uint8_t*>(weights.ArrayBuffer().Data()) + weights.ByteOffset();
  Guarded<const void*> rows(columns);
  for (size_t first = 0; first < order.size(); first += columns) {
    for (size_t j = 0; j < columns; j++) {
      const int64_t row = order[first + j];
      rows.data()[j] = row < 0 ? nullptr : w + row * k * (bytes ? 1 : 4);
      if (!bytes) continue;
      int32_t sum = 0;
      for (int64_t i = 0; i < k && row >= 0; i++) sum += reinterpret_cast<const int8_t*>(w)[row * k + i];
      column_sum.data()[first + j] = sum;
      column_scale.data()[first + j] = row < 0 ? 0 : call.Array("columnScale")[size_t(row)];
    }
    gemm.pack_panel(rows.data(), k, panels.data() + first / columns * panel_bytes);
  }
  panels.Check("panels");

  const auto bias = PackVector(order, call.Copy("bias"), call.Slack()), scale = PackVector(order, call.Copy("scale"), call.Slack());
  std::unique_ptr<Words> c_words;
  if (narrow_c) {
    c_words = Narrow(call, "c");
  } else {
    c_floats = call.Copy("c");
  }
  const auto panel_count = int64_t(order.size() / columns);
  GemmCall product = ProductOf(call, panel_count);
  product.a = a, product.panels = panels.data(), product.bias = Data(bias), product.scale = Data(scale);
  if (bytes) {
    product.a_scale = Data(a_scale), product.a_zero = a_zero->data();
    product.column_scale = column_scale.data(), product.column_sum = column_sum.data();
  }
  product.c = narrow_c ? static_cast<void*>(c_words->data()) : c_floats->data();
  product.c_number = narrow_c ? Number::kBf16 : Number::kF32;
  Multiply(call, gemm, product, panel_count);
  return narrow_c ? Widened(info, *c_words, "c") : Result(info, *c_floats, "c");
}

namespace {

Napi::Value Quantised(const Napi::CallbackInfo& info, Bytes& y, Floats& scale, Guarded<int32_t>& zero) {
  auto result = Napi::Object::New(info.Env());
  result.Set("y", ArrayOf<uint8_t, Napi::Uint8Array>(info, y, "y"));
  result.Set("scale", Result(info, scale, "scale"));
  result.Set("zero", ArrayOf<int32_t, Napi::Int32Array>(info, zero, "zero"));
  return result;
}

}  // namespace

// { x, number: 0 floats, 1 bf16, ldx, ldy, rows, dim } → { y, scale, zero }; `over`: y over x's own memory, ldy is ldx in bytes
Napi::Value RunQuantize(const Napi::CallbackInfo& info) {
  const Call call(info);
  const bool narrow = call.Int("number") == 1;
  const auto floats = narrow ? nullptr : call.Copy("x");
  const auto words = narrow ? Narrow(call, "x") : nullptr;
  const int64_t rows = call.Int("rows"), ldy = call.Int("ldy");
  const void* x = narrow ? static_cast<const void*>(words->data()) : floats->data();
  const size_t x_bytes = narrow ? words->size() * sizeof(uint16_t) : floats->size() * sizeof(float);
  Bytes y(size_t(rows * ldy));
  Floats scale{size_t(rows)};
  Guarded<int32_t> zero{size_t(rows)};
  if (call.Has("over")) {
    std::memcpy(y.data(), x, x_bytes);
    x = y.data();
  } else {
    std::memset(y.data(), 0xff, y.size());
  }
  Named(info).quantize({.x = x,
                        .x_number = narrow ? Number::kBf16 : Number::kF32,
                        .ldx = call.Int("ldx"),
                        .y = y.data(),
                        .ldy = ldy,
                        .scale = scale.data(),
                        .zero = zero.data(),
                        .rows = rows,
                        .dim = call.Int("dim")});
  return Quantised(info, y, scale, zero);
}

// { w, fold? } → { q: bytes [k], scale: [1], sum: [1] }; `over`: q over w's own memory
Napi::Value RunQuantizeWeights(const Napi::CallbackInfo& info) {
  const Call call(info);
  const auto w = call.Copy("w"), fold = call.Copy("fold");
  const size_t k = w->size();
  Bytes apart(k, call.Slack());
  Floats scale{1};
  Guarded<int32_t> sum{1};
  auto* q = reinterpret_cast<int8_t*>(call.Has("over") ? static_cast<void*>(w->data()) : apart.data());
  Named(info).quantize_weights({.w = w->data(), .fold = Data(fold), .k = int64_t(k), .q = q, .scale = scale.data(), .sum = sum.data()});
  w->Check("w");
  if (call.Has("over")) std::memcpy(apart.data(), q, k);
  auto result = Napi::Object::New(info.Env());
  result.Set("q", ArrayOf<uint8_t, Napi::Uint8Array>(info, apart, "q"));
  result.Set("scale", Result(info, scale, "scale"));
  result.Set("sum", ArrayOf<int32_t, Napi::Int32Array>(info, sum, "sum"));
  return result;
}

// As layerNorm; number 1: bf16, widened; 2: { y, scale, zero }
Napi::Value RunNarrowNorm(const Napi::CallbackInfo& info) {
  const Call call(info);
  const auto x = call.Copy("x"), gamma = call.Copy("gamma"), beta = call.Copy("beta");
  const int64_t rows = call.Int("rows"), ldy = call.Int("ldy");
  const bool bytes = call.Int("number") == 2;
  Words words{bytes ? 0 : size_t(rows * ldy)};
  Bytes y{bytes ? size_t(rows * ldy) : 0};
  Floats scale{size_t(rows)};
  Guarded<int32_t> zero{size_t(rows)};
  Named(info).layer_norm({.x = x->data(),
                          .ldx = call.Int("ldx"),
                          .y = bytes ? static_cast<void*>(y.data()) : words.data(),
                          .y_number = bytes ? Number::kU8 : Number::kBf16,
                          .ldy = ldy,
                          .y_scale = scale.data(),
                          .y_zero = zero.data(),
                          .gamma = gamma->data(),
                          .beta = beta->data(),
                          .rows = rows,
                          .dim = call.Int("dim"),
                          .eps = call.Float("eps")});
  return bytes ? Quantised(info, y, scale, zero) : Widened(info, words, "y");
}

// As attention, with q, k, v, out that bf16 represents
Napi::Value RunPairAttention(const Napi::CallbackInfo& info) {
  return CallAttention(info, Named(info).attention_bf16, Narrow, [&info](Words& out) { return Widened(info, out, "out"); });
}

}  // namespace vitrine::test
