// Opening a graph, behind runner.h: weights, session, ports.
#include "runner.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "../engine/tensor_reader.h"
#include "../platform/shared_library.h"
#include "initializers.h"
#include "provider.h"
#include "runner_internal.h"

namespace vitrine {
namespace {

bool Contains(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }

bool IsOutOfMemory(const std::string& message) {
  for (const char* sign : {"Failed to allocate memory", "bad_alloc", "bad allocation", "out of memory", "CUBLAS_STATUS_ALLOC_FAILED"}) {
    if (Contains(message, sign)) return true;
  }
  return false;
}

std::string DimsText(const OrtPort& port) {
  std::string text;
  for (size_t i = 0; i < port.dims.size(); i++) {
    text += (i == 0 ? "" : ", ") + (port.dims[i] >= 0 ? std::to_string(port.dims[i]) : port.names[i].empty() ? "?" : port.names[i]);
  }
  return port.name + " [" + text + "]";
}

}  // namespace

Runner::Runner() { AddInterruptible(this); }

Runner::~Runner() {
  RemoveInterruptible(this);
  Close();
}

void Runner::Close() {
  if (session_ == nullptr) return;
  const InsideOrt inside;
  if (!inside.entered()) return;
  sizes_.clear();  // bindings and buffers before the allocators, those before the session
  if (pinned_ != nullptr) api_->ReleaseAllocator(std::exchange(pinned_, nullptr));
  if (on_device_ != nullptr) api_->ReleaseAllocator(std::exchange(on_device_, nullptr));
  api_->ReleaseSession(std::exchange(session_, nullptr));
  positions_.reset();
  table_ = {};
}

void Runner::Stop() {
  std::lock_guard lock(mutex_);
  stopped_ = true;
  OrtStatus* status = nullptr;
  if (loading_ != nullptr && api_->SessionOptionsSetLoadCancellationFlag != nullptr) {
    status = api_->SessionOptionsSetLoadCancellationFlag(loading_, true);
  }
  if (running_ != nullptr) status = api_->RunOptionsSetTerminate(running_);
  if (status != nullptr) api_->ReleaseStatus(status);
}

void Runner::Resume() {
  std::lock_guard lock(mutex_);
  stopped_ = false;
}

Status Runner::Failed(const char* doing, OrtStatus* status) const {
  const std::string message = name_ + ": " + doing + ": " + TakeOrtMessage(*api_, status);
  return Status::Error(IsOutOfMemory(message) ? "ERR_OUT_OF_MEMORY" : "ERR_DEVICE_FAILED", message);
}

Status Runner::Open(const OrtLibrary& library, const OrtSource& source) {
  const InsideOrt inside;
  if (!inside.entered()) return ProcessEnds();
  library_ = &library;
  api_ = &library.api;
  name_ = source.name();
  cuda_ = IsCuda(source);
  capture_ = source.graph_capture;
  device_ = DeviceId(source);
  host_memory_ = library.cpu_memory;
  if (capture_ && !cuda_)
    return Status::Error("ERR_DEVICE_UNAVAILABLE", "graphCapture: provider " + source.provider + " cannot capture; cuda and tensorrt can");
  if (capture_ && api_->CopyTensors == nullptr) {
    return Status::Error("ERR_DEVICE_UNAVAILABLE",
                         "graphCapture: " + library.path + " is ONNX Runtime " + library.version + ", capture needs 1.23 or newer");
  }

  Initializers weights;
  OrtOwned<OrtSessionOptions> options(nullptr, api_->ReleaseSessionOptions);
  if (Status status = MakeSessionOptions(library, source, &options); !status.ok()) return status;
  if (!source.weights.empty() || source.position) {
    TensorReader reader;
    if (Status status = reader.Open(source.files); !status.ok()) return status;
    reader.WillRead();
    if (Status status = weights.Read(library, source, reader, stopped_); !status.ok()) return status;
    if (source.position) {
      const OrtPosition& position = *source.position;
      position_ = position;
      const int64_t rows = position.prefix_rows + position.grid_height * position.grid_width;
      if (Status status = reader.Check(position.table, rows * position.dim, "position"); !status.ok()) return status;
      table_.resize(size_t(rows * position.dim));
      if (Status status = reader.ReadRows(position.table, 0, rows, position.dim, table_.data()); !status.ok()) return status;
      positions_ = std::make_unique<Positions>(table_.data() + position.prefix_rows * position.dim, position.grid_height,
                                               position.grid_width, position.dim, position.dim, position.resize);
    }
  }
  if (OrtStatus* status = weights.AddTo(options.get())) {
    return Status::Error("ERR_CHECKPOINT_INVALID", name_ + ": " + TakeOrtMessage(*api_, status));
  }
  weight_bytes_ = weights.bytes();
  if (Status status = CreateSession(library, source, options.get()); !status.ok()) return status;
  GuardExit();
  if (Status status = Describe(); !status.ok()) return status;
  if (Status status = CheckPorts(source); !status.ok()) return status;
  FindPinnedMemory();
  return capture_ ? FindDeviceMemory() : Status::Ok();
}

Status Runner::CreateSession(const OrtLibrary& library, const OrtSource& source, OrtSessionOptions* options) {
  {
    std::lock_guard lock(mutex_);
    if (stopped_) return Status::Error("ERR_ABORTED", "the load was cancelled");
    loading_ = options;
  }
  const OrtLog log;
  OrtStatus* failed = source.file.empty()
                          ? api_->CreateSessionFromArray(library.env, source.model.data(), source.model.size(), options, &session_)
                          : api_->CreateSession(library.env, NativePath(source.file).c_str(), options, &session_);
  {
    std::lock_guard lock(mutex_);
    loading_ = nullptr;
  }
  if (failed == nullptr) return Status::Ok();
  int code = 0;
  std::string message = TakeOrtMessage(*api_, failed, &code);
  if (stopped_) return Status::Error("ERR_ABORTED", "the load was cancelled");
  if (!log.text().empty() && !Contains(message, log.text().c_str())) message += "\n" + log.text();
  if (IsOutOfMemory(message)) return Status::Error("ERR_OUT_OF_MEMORY", name_ + ": " + message);
  // What refuses the graph, and what the device?
  const bool device = code == kOrtEngineError || code == kOrtRuntimeException || code == kOrtProviderFail ||
                      (code == kOrtFail && !Contains(message, "Load model") && !Contains(message, "Type Error"));
  if (source.provider != "cpu" && device)
    return Status::Error("ERR_DEVICE_UNAVAILABLE", library.path + ": provider " + source.provider + ": " + message);
  return Status::Error(code == kOrtNoSuchFile ? "ERR_CHECKPOINT_NOT_FOUND" : "ERR_CHECKPOINT_INVALID",
                       name_ + ": ONNX Runtime " + library.version + " refuses it: " + message);
}

OrtStatus* Runner::ReadPort(bool input, size_t index, OrtPort* port) {
  char* name = nullptr;
  if (OrtStatus* status = input ? api_->SessionGetInputName(session_, index, library_->allocator, &name)
                                : api_->SessionGetOutputName(session_, index, library_->allocator, &name))
    return status;
  port->name = name;
  if (OrtStatus* status = api_->AllocatorFree(library_->allocator, name)) return status;
  OrtTypeInfo* made = nullptr;
  if (OrtStatus* status =
          input ? api_->SessionGetInputTypeInfo(session_, index, &made) : api_->SessionGetOutputTypeInfo(session_, index, &made))
    return status;
  const OrtOwned<OrtTypeInfo> type(made, api_->ReleaseTypeInfo);
  const OrtTensorTypeAndShapeInfo* tensor = nullptr;
  if (OrtStatus* status = api_->CastTypeInfoToTensorInfo(made, &tensor)) return status;
  if (tensor == nullptr) return nullptr;  // a sequence or a map
  size_t rank = 0;
  if (OrtStatus* status = api_->GetTensorElementType(tensor, &port->type)) return status;
  if (OrtStatus* status = api_->GetDimensionsCount(tensor, &rank)) return status;
  port->dims.resize(rank);
  std::vector<const char*> names(rank);
  if (rank > 0) {
    if (OrtStatus* status = api_->GetDimensions(tensor, port->dims.data(), rank)) return status;
    if (OrtStatus* status = api_->GetSymbolicDimensions(tensor, names.data(), rank)) return status;
  }
  for (size_t i = 0; i < rank; i++) {
    if (port->dims[i] < 0) port->dims[i] = -1;
    port->names.emplace_back(names[i] == nullptr ? "" : names[i]);
  }
  return nullptr;
}

Status Runner::Describe() {
  size_t inputs = 0, outputs = 0;
  if (OrtStatus* status = api_->SessionGetInputCount(session_, &inputs)) return Failed("reading its inputs", status);
  if (OrtStatus* status = api_->SessionGetOutputCount(session_, &outputs)) return Failed("reading its outputs", status);
  inputs_.resize(inputs);
  outputs_.resize(outputs);
  for (size_t i = 0; i < inputs; i++) {
    if (OrtStatus* status = ReadPort(true, i, &inputs_[i])) return Failed("reading its inputs", status);
  }
  for (size_t i = 0; i < outputs; i++) {
    if (OrtStatus* status = ReadPort(false, i, &outputs_[i])) return Failed("reading its outputs", status);
  }
  return Status::Ok();
}

Status Runner::CheckPorts(const OrtSource& source) {
  const auto refused = [this](std::string what) { return Status::Error("ERR_CHECKPOINT_UNSUPPORTED", name_ + ": " + std::move(what)); };
  bool found = false;
  for (size_t i = 0; i < inputs_.size(); i++) {
    if (inputs_[i].name == source.input) {
      input_ = i, found = true;
    } else if (position_ && inputs_[i].name == position_->input) {
      position_input_ = int(i);
    } else {
      return refused("the graph needs an input " + DimsText(inputs_[i]) + " besides " + source.input);
    }
  }
  if (!found) return refused("the graph has no input " + source.input);
  if (position_ && position_input_ < 0) return refused("the graph has no input " + position_->input);
  const OrtPort& port = input();
  const bool bytes = port.type == kOrtUint8;
  const size_t channels = bytes ? 3 : 1;
  if (OrtTypeBytes(port.type) == 0) return refused("input " + DimsText(port) + " is of a type that no image has");
  if (port.dims.size() != 4 || (port.dims[channels] != 3 && port.dims[channels] != -1)) {
    return refused("input " + DimsText(port) + ": expected [B, " + (bytes ? "H, W, 3]" : "3, H, W]"));
  }
  if (position_ && OrtTypeBytes(inputs_[size_t(position_input_)].type) < 2) return refused("its positions are of no floating-point type");
  fixed_batch_ = port.dims[0] > 0;
  batch_ = fixed_batch_ ? port.dims[0] : source.batch;
  return Status::Ok();
}

Status Runner::CheckSize(int32_t height, int32_t width) const {
  const OrtPort& port = input();
  const size_t first = port.type == kOrtUint8 ? 1 : 2;
  const int64_t wanted[] = {port.dims[first], port.dims[first + 1]}, found[] = {height, width};
  for (int i = 0; i < 2; i++) {
    if (wanted[i] >= 0 && wanted[i] != found[i]) {
      return Status::Error("ERR_IMAGE_SIZE", name_ + ": " + DimsText(port) + " takes no image of " + std::to_string(width) + "×" +
                                                 std::to_string(height) + " pixels");
    }
  }
  if (position_ && (height % position_->patch_height != 0 || width % position_->patch_width != 0)) {
    return Status::Error("ERR_IMAGE_SIZE", name_ + ": patches of " + std::to_string(position_->patch_width) + "×" +
                                               std::to_string(position_->patch_height) + " do not divide an image of " +
                                               std::to_string(width) + "×" + std::to_string(height) + " pixels");
  }
  return Status::Ok();
}

// Copies to and from pinned memory need no detour. Where the provider has none, ordinary memory does.
void Runner::FindPinnedMemory() {
  if (!cuda_) return;
  for (const int id : {device_, 0}) {
    OrtMemoryInfo* made = nullptr;
    OrtStatus* status = api_->CreateMemoryInfo("CudaPinned", kOrtDeviceAllocator, id, kOrtMemoryCpuOutput, &made);
    const OrtOwned<OrtMemoryInfo> memory(made, api_->ReleaseMemoryInfo);
    if (status == nullptr) status = api_->CreateAllocator(session_, made, &pinned_);
    const OrtMemoryInfo* info = nullptr;
    if (status == nullptr) status = api_->AllocatorGetInfo(pinned_, &info);
    if (status == nullptr) {
      host_memory_ = info;
      return;
    }
    api_->ReleaseStatus(status);
    if (pinned_ != nullptr) api_->ReleaseAllocator(pinned_);
    pinned_ = nullptr;
  }
}

// A captured graph replays with the addresses that it was captured with: inputs and outputs must lie on the device, at places of ours.
Status Runner::FindDeviceMemory() {
  OrtMemoryInfo* made = nullptr;
  OrtStatus* status = api_->CreateMemoryInfo("Cuda", kOrtDeviceAllocator, device_, kOrtMemoryDefault, &made);
  const OrtOwned<OrtMemoryInfo> memory(made, api_->ReleaseMemoryInfo);
  if (status == nullptr) status = api_->CreateAllocator(session_, made, &on_device_);
  if (status == nullptr) return Status::Ok();
  return Status::Error("ERR_DEVICE_UNAVAILABLE", "graphCapture: no memory of the device: " + TakeOrtMessage(*api_, status));
}

}  // namespace vitrine
