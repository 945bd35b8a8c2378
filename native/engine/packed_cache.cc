// Reading with checks, writing in the background, behind packed_cache.h.
#include "packed_cache.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <mutex>
#include <thread>
#include <utility>

#include "../platform/background.h"
#include "../platform/new_file.h"
#include "../platform/red_zone.h"
#include "cache_file.h"
#include "cache_folder.h"
#include "checksum.h"
#include "counters.h"

namespace vitrine {
namespace {

// Files that were modified again within the grain of their times look unmodified: what is younger is not kept.
constexpr int64_t kGrainNs = 2'000'000'000;
constexpr int64_t kPieceBytes = int64_t{256} << 10;  // still in L2 when its checksum is made

// Of the bytes of a chunk, piece by piece; `get` gives a piece of a chunk in memory, or false.
template <class Get>
bool ChunkChecksum(int64_t begin, int64_t end, const char* memory, uint64_t* sum, Get&& get) {
  *sum = 0;
  for (int64_t at = begin; at < end; at += kPieceBytes) {
    const int64_t count = std::min(kPieceBytes, end - at);
    if (!get(at, count)) return false;
    *sum = Checksum(memory + at, size_t(count), *sum);
  }
  return true;
}

// One entry on its way to disk. Counted for as long as it keeps the weights.
struct Entry {
  struct Count {
    Count() { counters.cache_writing++; }
    ~Count() { counters.cache_writing--; }
  } count;
  CacheOptions options;
  std::string key;
  size_t source_bytes = 0;
  std::shared_ptr<const void> owner;
  const char* memory = nullptr;
  int64_t bytes = 0;
  NewFile file;
};

// Steps aside while images are computed: what is copied here would take the memory's time from them, at any priority. Not for ever, since a
// server may always compute.
class Pauses {
 public:
  void Wait() {
    for (; counters.blocks_running > 0 && left_ > left_.zero(); left_ -= kStep) std::this_thread::sleep_for(kStep);
  }

 private:
  static constexpr std::chrono::milliseconds kStep{2};
  std::chrono::milliseconds left_{10'000};
};

int WriteEntry(Entry& entry) {
  Pauses pauses;
  Allow(entry.memory, size_t(entry.bytes));  // the sanitizer's red zones are written along
  const int64_t chunks = ChunkCount(entry.bytes);
  const Prelude prelude{
      .key_bytes = entry.key.size(), .source_bytes = entry.source_bytes, .weight_bytes = uint64_t(entry.bytes), .checksum = 0};
  std::vector<uint64_t> checksums;
  for (int64_t chunk = 0; chunk < chunks; chunk++) {
    const int64_t begin = chunk * kChunkBytes, end = std::min(begin + kChunkBytes, entry.bytes);
    uint64_t sum;
    int error = 0;
    const auto write = [&](int64_t at, int64_t count) {
      pauses.Wait();
      error = entry.file.WriteAt(entry.memory + at, count, HeaderBytes(prelude) + uint64_t(at));
      return error == 0;
    };
    if (!ChunkChecksum(begin, end, entry.memory, &sum, write)) return error;
    checksums.push_back(sum);
  }
  const std::string header = CacheHeader(prelude, entry.key, checksums);
  if (const int error = entry.file.WriteAt(header.data(), int64_t(header.size()), 0); error != 0) return error;
  // Not forced to the disk: after a loss of power the checksums find what is missing, and the entry is made anew.
  return entry.file.Publish();
}

void WriteInTurn(Entry& entry) {
  static std::mutex* turn = new std::mutex;  // never destroyed: the process may end while it is held
  std::lock_guard lock(*turn);
  TidyCache(entry.options, entry.bytes);
  (WriteEntry(entry) == 0 ? counters.cache_written : counters.cache_failed)++;
}

}  // namespace

std::string CacheHeader(Prelude prelude, const std::string& key, const std::vector<uint64_t>& checksums) {
  std::string header(size_t(HeaderBytes(prelude)), '\0');
  prelude.checksum = 0;
  std::memcpy(header.data() + sizeof prelude, key.data(), key.size());
  std::memcpy(header.data() + sizeof prelude + key.size(), checksums.data(), checksums.size() * sizeof(uint64_t));
  std::memcpy(header.data(), &prelude, sizeof prelude);
  prelude.checksum = Checksum(header.data(), header.size(), 0);
  std::memcpy(header.data(), &prelude, sizeof prelude);
  return header;
}

PackedCache::PackedCache(CacheOptions options, const std::vector<CacheSource>& sources, const std::string& key)
    : options_(std::move(options)), key_(PackSources(sources)), sources_bytes_(key_.size()) {
  key_ += key;
  for (const CacheSource& source : sources) newest_ns_ = std::max(newest_ns_, source.identity.modified_ns);
  constexpr char kDigits[] = "0123456789abcdef";
  for (const uint64_t seed : {1, 2}) {
    const uint64_t sum = Checksum(key_.data(), key_.size(), seed);
    for (int shift = 60; shift >= 0; shift -= 4) name_ += kDigits[sum >> shift & 15];
  }
  name_ += kCacheEnding;
}

// 0 where the entry is of this key and of this size; an error, or EILSEQ and what is wrong with it.
int PackedCache::ReadHeader(const File& file, int64_t bytes, std::vector<uint64_t>* checksums, std::string* wrong) const {
  const Prelude expected{.key_bytes = key_.size(), .source_bytes = sources_bytes_, .weight_bytes = uint64_t(bytes), .checksum = 0};
  std::string header(size_t(HeaderBytes(expected)), '\0');
  FileIdentity identity;
  int error = file.Identify(&identity);
  if (error != 0) return error;
  *wrong = "it is " + std::to_string(identity.size) + " bytes long";
  if (identity.size != header.size() + uint64_t(bytes)) return EILSEQ;
  const int64_t got = file.ReadAt(header.data(), int64_t(header.size()), 0, &error);
  if (got < 0) return error;
  if (got < int64_t(header.size())) return EILSEQ;
  checksums->resize(size_t(ChunkCount(bytes)));
  std::memcpy(checksums->data(), header.data() + sizeof(Prelude) + key_.size(), checksums->size() * sizeof(uint64_t));
  *wrong = "its header is damaged or of another model";
  return header == CacheHeader(expected, key_, *checksums) ? 0 : EILSEQ;
}

bool PackedCache::Read(void* memory, int64_t bytes, Team& team, const std::atomic<bool>& cancelled, std::atomic<int64_t>& done) {
  if (!on()) return false;
  File file;
  int error = file.Open(options_.folder + '/' + name_);
  result_ = {.state = CacheState::kMiss, .note = {}};
  if (error == ENOENT || error == ENOTDIR) return false;
  std::vector<uint64_t> checksums;
  std::string wrong;
  if (error == 0) error = ReadHeader(file, bytes, &checksums, &wrong);
  if (error != 0) {
    result_ = {.state = CacheState::kRebuilt, .note = name_ + ": " + (error == EILSEQ ? wrong : ErrorText(error))};
    return false;
  }
  file.WillRead();
  auto* to = static_cast<char*>(memory);
  const uint64_t header_bytes = HeaderBytes({.key_bytes = key_.size(), .weight_bytes = uint64_t(bytes)});
  std::atomic<bool> damaged{false};
  team.ForEach(int64_t(checksums.size()), [&](int64_t chunk) {
    if (damaged || cancelled) return;
    const int64_t begin = chunk * kChunkBytes, end = std::min(begin + kChunkBytes, bytes);
    uint64_t sum;
    const auto read = [&](int64_t at, int64_t count) {
      int failure = 0;
      return file.ReadAt(to + at, count, header_bytes + uint64_t(at), &failure) == count;
    };
    if (!ChunkChecksum(begin, end, to, &sum, read) || sum != checksums[size_t(chunk)]) damaged = true;
    done += end - begin;
  });
  if (cancelled) return false;
  result_ = damaged ? CacheResult{.state = CacheState::kRebuilt, .note = name_ + ": its weights are damaged"}
                    : CacheResult{.state = CacheState::kHit, .note = {}};
  if (!damaged) file.Touch();  // used now: cache_folder.cc removes others first
  return !damaged;
}

void PackedCache::Unwritable(std::string why) { result_ = {.state = CacheState::kUnwritable, .note = std::move(why)}; }

void PackedCache::Write(std::shared_ptr<const void> owner, const void* memory, int64_t bytes) {
  if (!on()) return;
  const std::string& folder = options_.folder;
  const auto size = [](int64_t count) { return std::to_string(count) + " bytes"; };
  if (bytes > options_.limit_bytes) return Unwritable(size(bytes) + " are more than the cache may hold, " + size(options_.limit_bytes));
  if (NowNs() - newest_ns_ < kGrainNs) return Unwritable("the weight file was modified less than two seconds ago");
  if (const int error = MakeFolder(folder); error != 0) return Unwritable(folder + ": " + ErrorText(error));
  // As much again stays free: a cache should not be what fills a disk.
  if (const int64_t free = FreeBytes(folder); free >= 0 && free / 2 < bytes) {
    return Unwritable(folder + ": " + size(free) + " are free on that disk, twice " + size(bytes) + " are wanted");
  }
  const auto entry = std::make_shared<Entry>();
  entry->options = options_, entry->key = key_, entry->source_bytes = sources_bytes_;
  entry->owner = std::move(owner), entry->memory = static_cast<const char*>(memory), entry->bytes = bytes;
  if (const int error = entry->file.Create(folder, name_); error != 0) return Unwritable(folder + ": " + ErrorText(error));
  if (!RunInBackground([entry] { WriteInTurn(*entry); })) Unwritable("the system gives this process no thread to write with");
}

}  // namespace vitrine
