// One graph on one provider: ONNX Runtime's session, and the buffers that its runs reuse. Before it: session.h, whose thread alone calls
// this; after it: results.h. Letters: B images of one run, H×W pixels, T tokens, D width.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "../engine/positions.h"
#include "../engine/status.h"
#include "../platform/memory.h"
#include "guard.h"
#include "library.h"
#include "source.h"

namespace vitrine {

// An input or output of the graph.
struct OrtPort {
  std::string name;
  int type = 0;                    // ONNXTensorElementDataType; 0: no tensor
  std::vector<int64_t> dims;       // -1: any size
  std::vector<std::string> names;  // of the sizes that are -1
};

// What a run gave at one port: rows of one image each, [B, image_values].
struct OrtOutput {
  const uint8_t* data;
  int type;
  std::vector<int64_t> dims;  // of one image
  int64_t image_values, image_bytes;
};

class Runner final : private Interruptible {
 public:
  Runner();
  ~Runner();

  // Reads the weights, makes the session, frees the weights. ERR_DEVICE_UNAVAILABLE, ERR_CHECKPOINT_*, ERR_ABORTED where Stop was called.
  Status Open(const OrtLibrary& library, const OrtSource& source);
  // Gives the session and all memory back. Only Stop may be called afterwards.
  void Close();

  const std::vector<OrtPort>& inputs() const { return inputs_; }
  const std::vector<OrtPort>& outputs() const { return outputs_; }
  const OrtPort& input() const { return inputs_[input_]; }
  int64_t weight_bytes() const { return weight_bytes_; }
  int64_t batch() const { return batch_; }  // most images of a run
  // ERR_IMAGE_SIZE where the graph does not take images of this size.
  Status CheckSize(int32_t height, int32_t width) const;

  // A run in three steps: Prepare; one image after the other written to Image(i); Run. Then Output, until the next Prepare.
  Status Prepare(int32_t height, int32_t width, int64_t images, const std::vector<size_t>& ports);
  uint8_t* Image(int64_t index) const;
  // ERR_DEVICE_FAILED, ERR_OUT_OF_MEMORY, with ONNX Runtime's text.
  Status Run();
  Status Output(size_t port, OrtOutput* output) const;

  // Any thread: ends a load or a run soon; Resume takes it back before the next run.
  void Stop();
  void Resume();

 private:
  struct Buffer;  // memory of the host, pinned where the provider has such
  struct Size;    // buffers of one image size
  struct Binding;

  void Interrupt() override { Stop(); }
  Status Describe();
  Status CheckPorts(const OrtSource& source);
  Status CreateSession(const OrtLibrary& library, const OrtSource& source, OrtSessionOptions* options);
  OrtStatus* ReadPort(bool input, size_t index, OrtPort* port);
  void FindPinnedMemory();
  Status FindDeviceMemory();
  Status Failed(const char* doing, OrtStatus* status) const;
  Status MakeSize(int32_t height, int32_t width, std::unique_ptr<Size>* size);
  Status MakePosition(Size& size);
  Status MakeBinding(Size& size, std::unique_ptr<Binding>* binding);
  Status BindOutputs(Size& size, Binding& binding);
  OrtStatus* Value(Buffer& buffer, int type, const std::vector<int64_t>& dims, OrtOwned<OrtValue>* value) const;
  OrtStatus* DeviceValue(int type, const std::vector<int64_t>& dims, OrtOwned<OrtValue>* value) const;
  OrtStatus* Learn(Binding& binding);
  OrtStatus* Copy(const OrtValue* from, OrtValue* to) const;
  OrtStatus* RunBinding(Binding& binding);

  const OrtLibrary* library_ = nullptr;
  const OrtFunctions* api_ = nullptr;
  std::string name_;
  OrtSession* session_ = nullptr;
  std::vector<OrtPort> inputs_, outputs_;
  size_t input_ = 0;
  int position_input_ = -1;
  bool fixed_batch_ = false;
  int64_t batch_ = 0, weight_bytes_ = 0;
  bool cuda_ = false, capture_ = false;
  int device_ = 0;

  std::optional<OrtPosition> position_;
  std::vector<float> table_;  // [prefix_rows + grid, D]
  std::unique_ptr<Positions> positions_;

  OrtAllocator* pinned_ = nullptr;
  const OrtMemoryInfo* host_memory_ = nullptr;
  OrtAllocator* on_device_ = nullptr;
  int captures_ = 0;

  std::vector<std::unique_ptr<Size>> sizes_;  // the one used last at the end
  Size* size_ = nullptr;                      // of the run that was prepared
  Binding* binding_ = nullptr;

  // What Stop needs, from any thread.
  std::mutex mutex_;
  std::atomic<bool> stopped_{false};
  OrtSessionOptions* loading_ = nullptr;
  OrtRunOptions* running_ = nullptr;
};

}  // namespace vitrine
