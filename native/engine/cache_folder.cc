// Which entries go, behind cache_folder.h.
#include "cache_folder.h"

#include <algorithm>
#include <cstring>

#include "../platform/new_file.h"
#include "cache_file.h"

namespace vitrine {
namespace {

// Long enough that two containers that see one cache but not each other's models leave their entries alone.
constexpr int64_t kUnusedNs = int64_t{24} * 3600 * 1'000'000'000;

constexpr size_t kNumbers = 3;

bool SourcesThere(const std::string& path) {
  File file;
  Prelude prelude;
  int error = 0;
  if (file.Open(path) != 0 || file.ReadAt(&prelude, sizeof prelude, 0, &error) != int64_t(sizeof prelude)) return false;
  if (prelude.magic != Prelude{}.magic || prelude.source_bytes > kMostKeyBytes) return false;
  std::string sources(size_t(prelude.source_bytes), '\0');
  if (file.ReadAt(sources.data(), int64_t(sources.size()), sizeof prelude, &error) != int64_t(sources.size())) return false;
  for (const CacheSource& source : UnpackSources(sources)) {
    File weights;
    FileIdentity now;
    if (weights.Open(source.path) != 0 || weights.Identify(&now) != 0) return false;
    const FileIdentity& then = source.identity;
    if (now.size != then.size || now.modified_ns != then.modified_ns || now.inode != then.inode) return false;
  }
  return true;
}

}  // namespace

std::string PackSources(const std::vector<CacheSource>& sources) {
  std::string bytes;
  for (const CacheSource& source : sources) {
    bytes += source.path;
    bytes += '\0';
    const uint64_t numbers[kNumbers] = {source.identity.inode, source.identity.size, uint64_t(source.identity.modified_ns)};
    bytes.append(reinterpret_cast<const char*>(numbers), sizeof numbers);
  }
  return bytes;
}

std::vector<CacheSource> UnpackSources(const std::string& bytes) {
  std::vector<CacheSource> sources;
  for (size_t at = 0; at < bytes.size();) {
    const size_t end = bytes.find('\0', at);
    uint64_t numbers[kNumbers];
    if (end == std::string::npos || bytes.size() - end - 1 < sizeof numbers) break;
    std::memcpy(numbers, bytes.data() + end + 1, sizeof numbers);
    CacheSource source{.path = bytes.substr(at, end - at), .identity = {}};
    source.identity.inode = numbers[0], source.identity.size = numbers[1], source.identity.modified_ns = int64_t(numbers[2]);
    sources.push_back(std::move(source));
    at = end + 1 + sizeof numbers;
  }
  return sources;
}

void TidyCache(const CacheOptions& options, int64_t needed) {
  RemoveAbandoned(options.folder);
  std::vector<FolderEntry> entries = FilesIn(options.folder, kCacheEnding);
  const int64_t now = NowNs();
  std::erase_if(entries, [now](const FolderEntry& entry) {
    return now - entry.modified_ns > kUnusedNs && !SourcesThere(entry.path) && RemoveFile(entry.path) == 0;
  });
  std::sort(entries.begin(), entries.end(), [](const FolderEntry& a, const FolderEntry& b) { return a.modified_ns < b.modified_ns; });
  int64_t total = needed;
  for (const FolderEntry& entry : entries) total += int64_t(entry.bytes);
  for (const FolderEntry& entry : entries) {
    if (total <= options.limit_bytes) break;
    if (RemoveFile(entry.path) == 0) total -= int64_t(entry.bytes);
  }
}

}  // namespace vitrine
