// ONNX Runtime's library, opened at run time by absolute path, once per process, never closed. Before it: library_file.h, which looks at
// the file first; after it: runner.h. Nothing of vitrine links it: without it, or without a device to use it for, nobody pays for it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "../engine/status.h"
#include "abi.h"

namespace vitrine {

struct OrtLibrary {
  std::string path, version;
  int minor = 0;  // of version 1.minor.patch, which is the version of the API
  std::vector<std::string> providers;
  OrtFunctions api;
  OrtEnv* env = nullptr;              // one per process, never released
  OrtAllocator* allocator = nullptr;  // of the CPU; ONNX Runtime's own
  OrtMemoryInfo* cpu_memory = nullptr;
};

// Opens `path`, or gives what is open already. ERR_DEVICE_UNAVAILABLE: what is wrong with the file, what it lacks, or that it is too old.
Status OpenOrtLibrary(const std::string& path, const OrtLibrary** library);

// ONNX Runtime reports errors and warnings of a whole process through one function. While this lives, what the thread that made it
// causes is kept here, one line each, instead of being dropped: the reason why a provider could not be loaded is said nowhere else.
class OrtLog {
 public:
  OrtLog();
  ~OrtLog();
  const std::string& text() const { return text_; }
  void Add(const char* message);

 private:
  std::string text_;
};

// The message of a failed call; the status is released.
std::string TakeOrtMessage(const OrtFunctions& api, OrtStatus* status, int* code = nullptr);

// Where InsideOrt is not entered.
Status ProcessEnds();

// Something of ONNX Runtime's that is released when this goes. May be empty.
template <class T>
using OrtOwned = std::unique_ptr<T, void(VITRINE_ORT_CALL*)(T*)>;

}  // namespace vitrine
