// Buffers, bindings and runs, behind runner.h. A size of image has its buffers, a number of images and a set of ports its binding; from the
// second run of a kind on, nothing is allocated here.
#include <algorithm>
#include <cstring>
#include <string>

#include "../engine/halves.h"
#include "initializers.h"
#include "runner.h"
#include "runner_internal.h"

namespace vitrine {
namespace {

constexpr size_t kSizesKept = 4, kBindingsKept = 16;
constexpr int64_t kMostBytes = int64_t{1} << 40;

Status NoMemory(int64_t bytes) { return Status::Error("ERR_OUT_OF_MEMORY", "no memory for a batch: " + std::to_string(bytes) + " bytes"); }

}  // namespace

int64_t CountOf(const std::vector<int64_t>& dims) {
  int64_t count = 1;
  for (const int64_t side : dims) {
    if (side < 0 || (side > 0 && count > kMostBytes / side)) return -1;
    count *= side;
  }
  return count;
}

bool Runner::Buffer::Allocate(const OrtFunctions& functions, OrtAllocator* allocator, size_t wanted) {
  Free();
  if (allocator != nullptr) {
    OrtStatus* status = functions.AllocatorAlloc(allocator, wanted, &memory);
    if (status == nullptr && memory != nullptr) {
      api = &functions, pinned = allocator, bytes = wanted;
      std::memset(memory, 0, wanted);
      return true;
    }
    if (status != nullptr) functions.ReleaseStatus(status);
  }
  if (!pages.Allocate(wanted)) return false;
  memory = pages.data(), bytes = wanted;
  return true;
}

void Runner::Buffer::Free() {
  if (pinned != nullptr) {
    if (OrtStatus* status = api->AllocatorFree(pinned, memory)) api->ReleaseStatus(status);
  }
  pages.Free();
  pinned = nullptr, memory = nullptr, bytes = 0;
}

OrtStatus* Runner::Value(Buffer& buffer, int type, const std::vector<int64_t>& dims, OrtOwned<OrtValue>* value) const {
  OrtValue* made = nullptr;
  const OrtMemoryInfo* memory = buffer.pinned != nullptr ? host_memory_ : library_->cpu_memory;
  const size_t bytes = size_t(CountOf(dims) * OrtTypeBytes(type));
  OrtStatus* status = api_->CreateTensorWithDataAsOrtValue(memory, buffer.memory, bytes, dims.data(), dims.size(), type, &made);
  *value = OrtOwned<OrtValue>(made, api_->ReleaseValue);
  return status;
}

OrtStatus* Runner::DeviceValue(int type, const std::vector<int64_t>& dims, OrtOwned<OrtValue>* value) const {
  OrtValue* made = nullptr;
  OrtStatus* status = api_->CreateTensorAsOrtValue(on_device_, dims.data(), dims.size(), type, &made);
  *value = OrtOwned<OrtValue>(made, api_->ReleaseValue);
  return status;
}

Status Runner::MakeSize(int32_t height, int32_t width, std::unique_ptr<Size>* made) {
  auto size = std::make_unique<Size>();
  size->height = height, size->width = width;
  size->image_bytes = int64_t(height) * width * 3 * OrtTypeBytes(input().type);
  if (size->image_bytes > kMostBytes / batch_) return NoMemory(INT64_MAX);
  if (!size->input.Allocate(*api_, pinned_, size_t(batch_ * size->image_bytes))) return NoMemory(batch_ * size->image_bytes);
  if (position_) {
    if (Status status = MakePosition(*size); !status.ok()) return status;
  }
  size->results = std::vector<Size::Result>(outputs_.size());
  for (size_t i = 0; i < outputs_.size(); i++) {
    const std::vector<int64_t>& dims = outputs_[i].dims;
    if (dims.empty()) continue;
    size->results[i].dims.assign(dims.begin() + 1, dims.end());
    size->results[i].known = std::all_of(dims.begin() + 1, dims.end(), [](int64_t side) { return side >= 0; });
  }
  *made = std::move(size);
  return Status::Ok();
}

// Rows of the prefix as they are stored, then those of the grid.
Status Runner::MakePosition(Size& size) {
  const int64_t height = size.height / position_->patch_height, width = size.width / position_->patch_width, dim = position_->dim;
  const std::shared_ptr<const Pages> grid = positions_->Grid(height, width);
  const int64_t prefix = position_->prefix_rows * dim, patches = height * width * dim;
  const int type = inputs_[size_t(position_input_)].type;
  const int64_t bytes = (prefix + patches) * OrtTypeBytes(type);
  if (grid == nullptr || !size.position.Allocate(*api_, pinned_, size_t(bytes))) return NoMemory(bytes);
  const auto* rows = static_cast<const float*>(grid->data());
  if (type == kOrtFloat) {
    auto* out = static_cast<float*>(size.position.memory);
    std::copy_n(table_.data(), prefix, out);
    std::copy_n(rows, patches, out + prefix);
  } else {
    auto* out = static_cast<uint16_t*>(size.position.memory);
    const auto narrow = type == kOrtFloat16 ? NarrowF16 : NarrowBF16;
    narrow(table_.data(), out, prefix);
    narrow(rows, out + prefix, patches);
  }
  const std::vector<int64_t> dims = {1, position_->prefix_rows + height * width, dim};
  if (OrtStatus* status = Value(size.position, type, dims, &size.position_value)) return Failed("binding its positions", status);
  return Status::Ok();
}

Status Runner::MakeBinding(Size& size, std::unique_ptr<Binding>* made) {
  auto binding = std::move(*made);
  OrtIoBinding* io = nullptr;
  OrtRunOptions* options = nullptr;
  if (OrtStatus* status = api_->CreateIoBinding(session_, &io)) return Failed("binding", status);
  binding->io = OrtOwned<OrtIoBinding>(io, api_->ReleaseIoBinding);
  if (OrtStatus* status = api_->CreateRunOptions(&options)) return Failed("binding", status);
  binding->options = OrtOwned<OrtRunOptions>(options, api_->ReleaseRunOptions);
  if (capture_) {
    // Every binding has a captured graph of its own; where a shape is still to be learned, -1: none.
    const std::string id = binding->captured ? std::to_string(++captures_) : "-1";
    if (OrtStatus* status = api_->AddRunConfigEntry(options, "gpu_graph_id", id.c_str())) return Failed("binding", status);
  }
  const std::vector<int64_t> dims = input().type == kOrtUint8 ? std::vector<int64_t>{binding->images, size.height, size.width, 3}
                                                              : std::vector<int64_t>{binding->images, 3, size.height, size.width};
  if (OrtStatus* status = Value(size.input, input().type, dims, &binding->input)) return Failed("binding its input", status);
  if (binding->captured) {
    if (OrtStatus* status = DeviceValue(input().type, dims, &binding->device_input)) return Failed("binding its input", status);
    if (OrtStatus* status = api_->BindInput(io, input().name.c_str(), binding->device_input.get()))
      return Failed("binding its input", status);
  }
  if (position_) {
    const std::string& name = inputs_[size_t(position_input_)].name;
    if (OrtStatus* status = api_->BindInput(io, name.c_str(), size.position_value.get())) return Failed("binding its positions", status);
  }
  if (Status status = BindOutputs(size, *binding); !status.ok()) return status;
  *made = std::move(binding);
  return Status::Ok();
}

Status Runner::BindOutputs(Size& size, Binding& binding) {
  for (const size_t port : binding.ports) {
    const OrtPort& output = outputs_[port];
    Size::Result& result = size.results[port];
    binding.outputs.emplace_back(nullptr, api_->ReleaseValue);
    binding.device_outputs.emplace_back(nullptr, api_->ReleaseValue);
    OrtStatus* failed = nullptr;
    if (!result.known) {
      failed = api_->BindOutputToDevice(binding.io.get(), output.name.c_str(), library_->cpu_memory);
    } else {
      std::vector<int64_t> dims = result.dims;
      dims.insert(dims.begin(), batch_);
      const int64_t values = CountOf(dims);
      if (values <= 0)
        return Status::Error("ERR_CHECKPOINT_UNSUPPORTED", name_ + ": output " + output.name + " holds nothing for an image");
      const auto bytes = size_t(values * OrtTypeBytes(output.type));
      if (result.buffer.memory == nullptr && !result.buffer.Allocate(*api_, pinned_, bytes)) return NoMemory(int64_t(bytes));
      dims[0] = binding.images;
      failed = Value(result.buffer, output.type, dims, &binding.outputs.back());
      if (failed == nullptr && binding.captured) failed = DeviceValue(output.type, dims, &binding.device_outputs.back());
      const OrtValue* bound = binding.captured ? binding.device_outputs.back().get() : binding.outputs.back().get();
      if (failed == nullptr) failed = api_->BindOutput(binding.io.get(), output.name.c_str(), bound);
    }
    if (failed != nullptr) return Failed("binding its outputs", failed);
  }
  return Status::Ok();
}

Status Runner::Prepare(int32_t height, int32_t width, int64_t images, const std::vector<size_t>& ports) {
  const InsideOrt inside;
  if (!inside.entered()) return ProcessEnds();
  binding_ = nullptr;
  const auto found = std::find_if(sizes_.begin(), sizes_.end(), [&](const auto& s) { return s->height == height && s->width == width; });
  if (found != sizes_.end()) {
    std::rotate(found, found + 1, sizes_.end());
  } else {
    if (sizes_.size() == kSizesKept) sizes_.erase(sizes_.begin());
    std::unique_ptr<Size> made;
    if (Status status = MakeSize(height, width, &made); !status.ok()) return status;
    sizes_.push_back(std::move(made));
  }
  size_ = sizes_.back().get();

  auto& bindings = size_->bindings;
  const bool known = std::all_of(ports.begin(), ports.end(), [this](size_t port) { return size_->results[port].known; });
  const bool captured = capture_ && known;
  const int64_t run_images = fixed_batch_ || captured ? batch_ : images;
  // What ONNX Runtime allocated for a run whose shapes were new is not bound again.
  std::erase_if(bindings, [](const auto& binding) { return !binding->learned.empty(); });
  const auto same = std::find_if(bindings.begin(), bindings.end(),
                                 [&](const auto& binding) { return binding->images == run_images && binding->ports == ports; });
  if (same != bindings.end()) {
    std::rotate(same, same + 1, bindings.end());
  } else {
    if (bindings.size() == kBindingsKept) bindings.erase(bindings.begin());
    auto binding = std::make_unique<Binding>();
    binding->images = run_images, binding->ports = ports, binding->captured = captured;
    if (Status status = MakeBinding(*size_, &binding); !status.ok()) return status;
    bindings.push_back(std::move(binding));
  }
  binding_ = bindings.back().get();
  return Status::Ok();
}

uint8_t* Runner::Image(int64_t index) const { return static_cast<uint8_t*>(size_->input.memory) + index * size_->image_bytes; }

OrtStatus* Runner::Copy(const OrtValue* from, OrtValue* to) const { return api_->CopyTensors(library_->env, &from, &to, nullptr, 1); }

OrtStatus* Runner::RunBinding(Binding& binding) {
  OrtIoBinding* io = binding.io.get();
  if (binding.captured) {
    if (OrtStatus* status = Copy(binding.input.get(), binding.device_input.get())) return status;
  } else if (OrtStatus* status = api_->BindInput(io, input().name.c_str(), binding.input.get())) {  // other devices copy it now
    return status;
  }
  if (OrtStatus* status = api_->SynchronizeBoundInputs(io)) return status;
  if (OrtStatus* status = api_->RunWithBinding(session_, binding.options.get(), io)) return status;
  if (OrtStatus* status = api_->SynchronizeBoundOutputs(io)) return status;
  for (size_t i = 0; binding.captured && i < binding.ports.size(); i++) {
    if (OrtStatus* status = Copy(binding.device_outputs[i].get(), binding.outputs[i].get())) return status;
  }
  const bool all_known = std::all_of(binding.outputs.begin(), binding.outputs.end(), [](const auto& output) { return output != nullptr; });
  return all_known ? nullptr : Learn(binding);
}

// Takes the outputs whose shape the run has told, and the shapes.
OrtStatus* Runner::Learn(Binding& binding) {
  OrtValue** values = nullptr;
  size_t count = 0;
  if (OrtStatus* status = api_->GetBoundOutputValues(binding.io.get(), library_->allocator, &values, &count)) return status;
  for (size_t i = 0; i < count; i++) binding.learned.emplace_back(values[i], api_->ReleaseValue);
  if (OrtStatus* status = api_->AllocatorFree(library_->allocator, values)) return status;
  for (size_t i = 0; i < std::min(count, binding.ports.size()); i++) {
    Size::Result& result = size_->results[binding.ports[i]];
    if (result.known) continue;
    OrtTensorTypeAndShapeInfo* made = nullptr;
    size_t rank = 0;
    if (OrtStatus* status = api_->GetTensorTypeAndShape(binding.learned[i].get(), &made)) return status;
    const OrtOwned<OrtTensorTypeAndShapeInfo> info(made, api_->ReleaseTensorTypeAndShapeInfo);
    if (OrtStatus* status = api_->GetDimensionsCount(made, &rank)) return status;
    std::vector<int64_t> dims(rank);
    if (rank > 0) {
      if (OrtStatus* status = api_->GetDimensions(made, dims.data(), rank)) return status;
    }
    if (rank == 0 || dims[0] != binding.images) continue;  // Output says so
    result.dims.assign(dims.begin() + 1, dims.end());
    result.known = true;
  }
  return nullptr;
}

Status Runner::Run() {
  const InsideOrt inside;
  if (!inside.entered()) return ProcessEnds();
  {
    std::lock_guard lock(mutex_);
    OrtRunOptions* options = binding_->options.get();
    if (OrtStatus* status = stopped_ ? api_->RunOptionsSetTerminate(options) : api_->RunOptionsUnsetTerminate(options))
      return Failed("running", status);
    running_ = options;
  }
  OrtStatus* failed = RunBinding(*binding_);
  {
    std::lock_guard lock(mutex_);
    running_ = nullptr;
  }
  static const bool guarded = (GuardExit(), true);  // what the first run has made
  static_cast<void>(guarded);
  return failed == nullptr ? Status::Ok() : Failed("running", failed);
}

Status Runner::Output(size_t port, OrtOutput* output) const {
  const size_t at = size_t(std::find(binding_->ports.begin(), binding_->ports.end(), port) - binding_->ports.begin());
  const Size::Result& result = size_->results[port];
  const int type = outputs_[port].type;
  if (!result.known) {
    return Status::Error("ERR_CHECKPOINT_UNSUPPORTED",
                         name_ + ": output " + outputs_[port].name + " does not have one row for each image of a batch");
  }
  void* data = result.buffer.memory;
  if (!binding_->learned.empty()) {
    if (OrtStatus* status = api_->GetTensorMutableData(binding_->learned[at].get(), &data)) return Failed("reading its outputs", status);
  }
  const int64_t values = CountOf(result.dims);
  if (data == nullptr || values <= 0) {
    return Status::Error("ERR_CHECKPOINT_UNSUPPORTED", name_ + ": output " + outputs_[port].name + " holds nothing for an image");
  }
  *output = {static_cast<const uint8_t*>(data), type, result.dims, values, values * OrtTypeBytes(type)};
  return Status::Ok();
}

}  // namespace vitrine
