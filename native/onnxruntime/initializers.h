// Weights of a checkpoint → the external weights of a graph, without a file in between. Before it: engine/tensor_reader.h, which reads
// them; after it: runner.cc, which makes the session. Letters as in graph.ts: weights [in, out].
#pragma once

#include <atomic>
#include <vector>

#include "../engine/tensor_reader.h"
#include "../platform/memory.h"
#include "library.h"
#include "source.h"

namespace vitrine {

// Every weight in memory of ours, which the API demands; ONNX Runtime copies them while it makes the session. Once that exists, drop this.
class Initializers {
 public:
  // Reads all, converts and transposes. ERR_CHECKPOINT_*, ERR_TENSOR_SHAPE, ERR_OUT_OF_MEMORY; ERR_ABORTED where `cancelled` was raised.
  Status Read(const OrtLibrary& library, const OrtSource& source, const TensorReader& reader, const std::atomic<bool>& cancelled);
  // Adds them to the options of a session, which must go before this does.
  OrtStatus* AddTo(OrtSessionOptions* options) const;
  int64_t bytes() const { return bytes_; }

 private:
  Status ReadOne(const OrtLibrary& library, const OrtWeight& weight, const TensorReader& reader);

  const OrtFunctions* api_ = nullptr;
  std::vector<const char*> names_;  // into the source
  std::vector<Pages> memory_;
  std::vector<OrtOwned<OrtValue>> values_;
  std::vector<float> rows_;  // of one block of rows while reading
  int64_t bytes_ = 0;
};

// Bytes of one value of a type; 0 where it is none that vitrine computes with.
int64_t OrtTypeBytes(int type);

}  // namespace vitrine
