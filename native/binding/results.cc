// Status → Error, behind results.h.
#include "results.h"

namespace vitrine {

Napi::Error ToError(Napi::Env env, const Status& status) {
  Napi::Error error = Napi::Error::New(env, status.message);
  error.Set("code", Napi::String::New(env, status.code));
  return error;
}

}  // namespace vitrine
