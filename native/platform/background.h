// Work that nobody waits for. Used by engine/packed_cache.cc.
#pragma once

#include <functional>

namespace vitrine {

// On a thread of its own, of the lowest priority, which gets no signals and is never joined: when the process ends, it ends in the middle
// of whatever it does. False where the system gives no thread.
bool RunInBackground(std::function<void()> work);

}  // namespace vitrine
