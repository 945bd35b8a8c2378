// Who shares, who waits and who packs, behind weight_store.h.
#include "weight_store.h"

#include <algorithm>
#include <cstring>

#include "../platform/shared_library.h"
#include "spec_check.h"

#ifndef VITRINE_VERSION
#define VITRINE_VERSION "0.0.0"
#endif

namespace vitrine {
namespace {

template <class T>
void Append(std::string* key, T value) {
  key->append(reinterpret_cast<const char*>(&value), sizeof value);
}

// Which code packs: besides its version and its packing's, the file that it was loaded from, since a build in between has no number.
std::string CodeKey() {
  std::string key = "version " VITRINE_VERSION ", packing " + std::to_string(kPackingVersion) + ", code ";
  File file;
  FileIdentity identity;
  if (file.Open(OwnLibrary()) == 0 && file.Identify(&identity) == 0) Append(&key, identity.size), Append(&key, identity.modified_ns);
  return key;
}

// The entry on disk. By the files' paths rather than their device, whose number may be another after a start of the system.
PackedCache CacheOf(const EncoderSpec& spec, const std::string& isa, const Kernels& kernels, Precision precision,
                    const TensorReader& reader, const CacheOptions& options) {
  uint64_t sample;
  if (options.folder.empty() || !reader.Sample(&sample)) return {};
  std::vector<CacheSource> sources;
  for (size_t i = 0; i < reader.paths().size(); i++) sources.push_back({RealPath(reader.paths()[i]), reader.identities()[i]});
  static const std::string* code = new std::string(CodeKey());
  std::string key = *code + '\n' + isa + '\n' + char('0' + int(precision));
  Append(&key, sample);
  for (const Gemm* gemm : {&kernels.gemm, &kernels.gemm_bf16, &kernels.gemm_int8}) {
    Append(&key, gemm->columns), Append(&key, gemm->input), Append(&key, gemm->panel_bytes(1001));
  }
  return {options, sources, key + SpecKey(spec)};
}

}  // namespace

// Weights being packed, and who waits for them.
struct Packing {
  std::vector<std::shared_ptr<LoadRequest>> waiting;
  std::atomic<bool> cancelled{false};
  LoadProgress progress;
};

WeightStore& WeightStore::Get() {
  static WeightStore* store = new WeightStore;
  return *store;
}

// The key is what the packed bytes depend on: the spec, the files as they are now, and the kernels.
Status WeightStore::Open(const EncoderSpec& spec, const std::string& isa, Precision precision, TensorReader* reader,
                         std::string* key) const {
  if (Status status = CheckSpec(spec); !status.ok()) return status;
  if (Status status = reader->Open(spec); !status.ok()) return status;
  *key = isa + '\n' + char('0' + int(precision)) + SpecKey(spec);
  for (const FileIdentity& file : reader->identities()) {
    for (const uint64_t value : {file.device, file.inode, file.size, uint64_t(file.modified_ns)}) {
      key->append(reinterpret_cast<const char*>(&value), sizeof value);
    }
  }
  return Status::Ok();
}

void WeightStore::Load(const std::shared_ptr<LoadRequest>& request, const EncoderSpec& spec, const std::string& isa, const Kernels& kernels,
                       Precision precision, const CacheOptions& cache_options, Worker& worker) {
  const CacheResult shared{.state = CacheState::kShared, .note = {}};
  TensorReader reader;
  std::string key;
  Status status = Open(spec, isa, precision, &reader, &key);
  std::shared_ptr<const Weights> weights;
  std::shared_ptr<Packing> packing;
  {
    std::lock_guard lock(mutex_);
    if (request->settled_) return;
    std::erase_if(ready_, [](const auto& entry) { return entry.second.expired(); });
    if (status.ok()) {
      if (const auto found = ready_.find(key); found != ready_.end()) weights = found->second.lock();
    }
    if (weights != nullptr || !status.ok()) {
      request->settled_ = true;
    } else {
      std::shared_ptr<Packing>& entry = packing_[key];
      const bool first = entry == nullptr;
      if (first) entry = std::make_shared<Packing>();
      entry->waiting.push_back(request);
      request->packing_ = entry;
      if (!first) return;  // whoever packs will answer
      packing = entry;
    }
  }
  if (packing == nullptr) return request->Loaded(std::move(status), std::move(weights), shared);

  CacheResult cached;
  try {
    PackedCache cache = CacheOf(spec, isa, kernels, precision, reader, cache_options);
    status = PackWeights(spec, reader, kernels, precision, worker.team, cache, packing->cancelled, packing->progress, &weights);
    cached = cache.result();
  } catch (const std::exception& error) {  // the standard library's own: those who joined must hear of it
    status = Status::Error("ERR_OUT_OF_MEMORY", std::string("packing weights: ") + error.what());
  }
  std::vector<std::shared_ptr<LoadRequest>> waiting;
  {
    std::lock_guard lock(mutex_);
    if (const auto entry = packing_.find(key); entry != packing_.end() && entry->second == packing) packing_.erase(entry);
    if (status.ok()) ready_[key] = weights;
    waiting.swap(packing->waiting);
    for (const auto& one : waiting) one->settled_ = true;
  }
  // Nothing of the weights stays here: when the last model closes, they are gone.
  for (size_t i = 0; i < waiting.size(); i++)
    waiting[i]->Loaded(status, i + 1 < waiting.size() ? weights : std::move(weights), waiting[i] == request ? cached : shared);
}

void WeightStore::Progress(const LoadRequest& request, int64_t* loaded, int64_t* total) {
  std::lock_guard lock(mutex_);
  *loaded = request.packing_ == nullptr ? 0 : request.packing_->progress.loaded.load();
  *total = request.packing_ == nullptr ? 0 : request.packing_->progress.total.load();
}

bool WeightStore::Leave(LoadRequest& request) {
  std::lock_guard lock(mutex_);
  if (request.settled_) return false;
  request.settled_ = true;
  const std::shared_ptr<Packing> packing = request.packing_;
  if (packing == nullptr) return true;
  std::erase_if(packing->waiting, [&request](const auto& one) { return one.get() == &request; });
  if (packing->waiting.empty()) {
    packing->cancelled = true;
    std::erase_if(packing_, [&packing](const auto& entry) { return entry.second == packing; });  // a later load starts anew
  }
  return true;
}

}  // namespace vitrine
