// The buffers and bindings that runner.cc and runner_run.cc share.
#pragma once

#include "runner.h"

namespace vitrine {

// Zeroed memory that ONNX Runtime reads images from and writes results to.
struct Runner::Buffer {
  Pages pages;
  OrtAllocator* pinned = nullptr;  // of the provider, else pages hold the memory
  const OrtFunctions* api = nullptr;
  void* memory = nullptr;
  size_t bytes = 0;

  Buffer() = default;
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer() { Free(); }
  [[nodiscard]] bool Allocate(const OrtFunctions& functions, OrtAllocator* allocator, size_t wanted);
  void Free();
};

// One way to run a size: so many images, these ports.
struct Runner::Binding {
  int64_t images = 0;  // of the run, padding included
  std::vector<size_t> ports;
  OrtOwned<OrtIoBinding> io{nullptr, nullptr};
  OrtOwned<OrtRunOptions> options{nullptr, nullptr};
  OrtOwned<OrtValue> input{nullptr, nullptr}, device_input{nullptr, nullptr};
  std::vector<OrtOwned<OrtValue>> outputs, device_outputs;  // one per port; empty where the shape is not known before the run
  std::vector<OrtOwned<OrtValue>> learned;                  // what ONNX Runtime allocated itself in such a run
  bool captured = false;
};

struct Runner::Size {
  int32_t height = 0, width = 0;
  int64_t image_bytes = 0;
  Buffer input, position;
  OrtOwned<OrtValue> position_value{nullptr, nullptr};
  struct Result {
    std::vector<int64_t> dims;  // of one image; known after the first run at the latest
    bool known = false;
    Buffer buffer;
  };
  std::vector<Result> results;                     // one per output of the graph
  std::vector<std::unique_ptr<Binding>> bindings;  // used last at the end; before the buffers in destruction
};

// Product of sizes that fit together; -1 where it is beyond what a run could hold.
int64_t CountOf(const std::vector<int64_t>& dims);

}  // namespace vitrine
