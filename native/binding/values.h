// The primitives of reading JavaScript's values: each gives the C++ value or throws a Napi::Error with a code. Used by arguments.cc and
// onnx_arguments.cc.
#pragma once

#include <napi.h>

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "results.h"

namespace vitrine {

[[noreturn]] inline void Throw(Napi::Env env, const char* code, std::string message) {
  throw ToError(env, Status::Error(code, std::move(message)));
}

[[noreturn]] inline void Expected(Napi::Value value, const char* what, const char* kind) {
  Throw(value.Env(), "ERR_INTERNAL", std::string("argument ") + what + ": expected " + kind);
}

inline Napi::Object Object(Napi::Value value, const char* what) {
  if (!value.IsObject()) Expected(value, what, "an object");
  return value.As<Napi::Object>();
}

inline double ReadNumber(Napi::Value value, const char* what) {
  if (!value.IsNumber()) Expected(value, what, "a number");
  return value.As<Napi::Number>().DoubleValue();
}

inline bool Boolean(Napi::Value value, const char* what) {
  if (!value.IsBoolean()) Expected(value, what, "a boolean");
  return value.As<Napi::Boolean>();
}

inline std::string String(Napi::Value value, const char* what) {
  if (!value.IsString()) Expected(value, what, "a string");
  return value.As<Napi::String>().Utf8Value();
}

template <class T>
T OneOf(Napi::Value value, const char* what, std::initializer_list<std::pair<const char*, T>> names) {
  if (!value.IsString()) Expected(value, what, "a string");
  char name[32];  // longer ones are cut, and none of the names
  size_t length = 0;
  if (napi_get_value_string_utf8(value.Env(), value, name, sizeof name, &length) != napi_ok) throw Napi::Error::New(value.Env());
  for (const auto& [known, meaning] : names) {
    if (std::string_view(name, length) == known) return meaning;
  }
  Expected(value, what, "another name than the one found");
}

template <class F>
void ForEach(Napi::Value value, const char* what, const F& f) {
  if (!value.IsArray()) Expected(value, what, "an array");
  const auto array = value.As<Napi::Array>();
  for (uint32_t i = 0; i < array.Length(); i++) {
    const Napi::HandleScope scope(value.Env());
    f(array.Get(i));
  }
}

inline uint64_t BigInt(Napi::Value value, const char* what) {
  if (!value.IsBigInt()) Expected(value, what, "a bigint");
  bool lossless = false;
  return value.As<Napi::BigInt>().Uint64Value(&lossless);
}

// The elements of a typed array: null where its buffer was detached, and then no elements.
template <class T>
T* Elements(Napi::Value value, napi_typedarray_type type, const char* what, size_t* length) {
  bool is_typed_array = false;
  napi_typedarray_type found;
  void* data = nullptr;
  if (napi_is_typedarray(value.Env(), value, &is_typed_array) != napi_ok || !is_typed_array) Expected(value, what, "a typed array");
  if (napi_get_typedarray_info(value.Env(), value, &found, length, &data, nullptr, nullptr) != napi_ok) throw Napi::Error::New(value.Env());
  if (found != type) Expected(value, what, "a typed array of another type");
  if (data == nullptr) *length = 0;
  return static_cast<T*>(data);
}

}  // namespace vitrine
