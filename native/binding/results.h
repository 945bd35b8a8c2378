// From the engine's values to JavaScript's. Before it: engine/; after it: lib/native.ts.
#pragma once

#include <napi.h>

#include "../engine/status.h"

namespace vitrine {

// An Error with `code`; lib/native.ts makes a VitrineError of it.
Napi::Error ToError(Napi::Env env, const Status& status);

}  // namespace vitrine
