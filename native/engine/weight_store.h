// One packed copy of a model's weights per process, however many loads ask for it. Before it: binding/load.cc; after it: weights.h.
// Concurrent loads of the same files join one packing; the copy is freed when the last model that holds it closes.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "scheduler.h"
#include "weights.h"

namespace vitrine {

// One load() as the store sees it.
class LoadRequest {
 public:
  virtual ~LoadRequest() = default;
  // Exactly once unless the request left before, on any thread.
  virtual void Loaded(Status status, std::shared_ptr<const Weights> weights, const CacheResult& cache) = 0;

 private:
  friend class WeightStore;
  std::shared_ptr<struct Packing> packing_;  // what it waits for; under the store's mutex
  bool settled_ = false;                     // answered, or left
};

class WeightStore {
 public:
  // Never destroyed, as the scheduler.
  static WeightStore& Get();

  // On a pool thread: opens the files, then answers the request at once from a copy in memory, joins a packing that runs, or reads
  // the packed cache or packs with the worker's team and answers everyone who joined.
  void Load(const std::shared_ptr<LoadRequest>& request, const EncoderSpec& spec, const std::string& isa, const Kernels& kernels,
            Precision precision, const CacheOptions& cache, Worker& worker);

  // The request is no longer wanted. True: Loaded will not be called. False: it was called, or is being called. A packing that nobody waits
  // for ends.
  bool Leave(LoadRequest& request);

  // Bytes packed and to be packed; zeros before that is known.
  void Progress(const LoadRequest& request, int64_t* loaded, int64_t* total);

 private:
  Status Open(const EncoderSpec& spec, const std::string& isa, Precision precision, TensorReader* reader, std::string* key) const;

  std::mutex mutex_;
  std::map<std::string, std::weak_ptr<const Weights>> ready_;
  std::map<std::string, std::shared_ptr<Packing>> packing_;
};

}  // namespace vitrine
