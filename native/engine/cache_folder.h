// The folder of the packed cache, kept small. Before it: packed_cache.cc, which calls it before an entry is written.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "packed_cache.h"

namespace vitrine {

// Sources as an entry's key begins with them, and back; what cannot be read ends the list.
std::string PackSources(const std::vector<CacheSource>& sources);
std::vector<CacheSource> UnpackSources(const std::string& bytes);

// Removes temporary files that no process writes any more; entries that nobody used for a day and whose weight files are gone or have
// changed; then those not used for longest, until the others and `needed` more bytes are within the limit.
void TidyCache(const CacheOptions& options, int64_t needed);

}  // namespace vitrine
