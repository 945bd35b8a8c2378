// Which call appends which provider, behind provider.h.
#include "provider.h"

#include <algorithm>
#include <cstdlib>

namespace vitrine {
namespace {

using Options = std::vector<std::pair<std::string, std::string>>;

const std::string* Find(const Options& options, const char* key) {
  const auto found = std::find_if(options.begin(), options.end(), [key](const auto& option) { return option.first == key; });
  return found == options.end() ? nullptr : &found->second;
}
void Default(Options& options, const char* key, const char* value) {
  if (Find(options, key) == nullptr) options.emplace_back(key, value);
}

struct KeysAndValues {
  std::vector<const char*> keys, values;
  explicit KeysAndValues(const Options& options) {
    for (const auto& [key, value] : options) keys.push_back(key.c_str()), values.push_back(value.c_str());
  }
};

OrtStatus* AppendCuda(const OrtFunctions& api, OrtSessionOptions* session, Options options, bool capture) {
  // Memory grows by what is asked for, not to the next power of two; convolutions are chosen by rule: trying all of them costs seconds at
  // the first run of each size, for the one convolution of a patch embedding.
  Default(options, "arena_extend_strategy", "kSameAsRequested");
  Default(options, "cudnn_conv_algo_search", "HEURISTIC");
  if (capture) Default(options, "enable_cuda_graph", "1");
  OrtCUDAProviderOptionsV2* made = nullptr;
  if (OrtStatus* status = api.CreateCUDAProviderOptions(&made)) return status;
  const OrtOwned<OrtCUDAProviderOptionsV2> cuda(made, api.ReleaseCUDAProviderOptions);
  const KeysAndValues list(options);
  if (OrtStatus* status = api.UpdateCUDAProviderOptions(made, list.keys.data(), list.values.data(), list.keys.size())) return status;
  return api.SessionOptionsAppendExecutionProvider_CUDA_V2(session, made);
}

OrtStatus* AppendTensorRt(const OrtFunctions& api, OrtSessionOptions* session, Options options, bool capture) {
  if (capture) Default(options, "trt_cuda_graph_enable", "1");
  OrtTensorRTProviderOptionsV2* made = nullptr;
  if (OrtStatus* status = api.CreateTensorRTProviderOptions(&made)) return status;
  const OrtOwned<OrtTensorRTProviderOptionsV2> tensorrt(made, api.ReleaseTensorRTProviderOptions);
  const KeysAndValues list(options);
  if (!options.empty()) {
    if (OrtStatus* status = api.UpdateTensorRTProviderOptions(made, list.keys.data(), list.values.data(), list.keys.size())) return status;
  }
  if (OrtStatus* status = api.SessionOptionsAppendExecutionProvider_TensorRT_V2(session, made)) return status;
  // For the operators that TensorRT leaves.
  const std::string* device = Find(options, "device_id");
  return AppendCuda(api, session, device == nullptr ? Options{} : Options{{"device_id", *device}}, false);
}

// ONNX Runtime's spelling of what vitrine writes in lower case; other names go through as they are.
std::string Spelled(const std::string& name) {
  for (const char* known : {"CoreML", "DML", "OpenVINO", "WebGPU", "QNN", "XNNPACK", "VitisAI", "MIGraphX", "NvTensorRtRtx", "SNPE"}) {
    const std::string spelled = known;
    if (std::equal(spelled.begin(), spelled.end(), name.begin(), name.end(), [](char a, char b) { return (a | 32) == (b | 32); }))
      return spelled;
  }
  return name;
}

OrtStatus* Append(const OrtFunctions& api, OrtSessionOptions* session, const OrtSource& source) {
  if (source.provider == "cpu") return nullptr;
  if (source.provider == "cuda") return AppendCuda(api, session, source.options, source.graph_capture);
  if (source.provider == "tensorrt") return AppendTensorRt(api, session, source.options, source.graph_capture);
  const std::string name = Spelled(source.provider);
  if (name == "DML") {
    if (OrtStatus* status = api.DisableMemPattern(session)) return status;  // DirectML refuses it
  }
  const KeysAndValues list(source.options);
  return api.SessionOptionsAppendExecutionProvider(session, name.c_str(), list.keys.data(), list.values.data(), list.keys.size());
}

OrtStatus* General(const OrtFunctions& api, OrtSessionOptions* options, const OrtSource& source) {
  if (OrtStatus* status = api.SetSessionGraphOptimizationLevel(options, kOrtOptimizeAll)) return status;
  if (OrtStatus* status = api.SetIntraOpNumThreads(options, source.threads)) return status;
  if (OrtStatus* status = api.SetInterOpNumThreads(options, 1)) return status;
  // Unknown keys are no error: older versions do without.
  const std::pair<const char*, const char*> entries[] = {
      {"session.force_spinning_stop", "1"},                    // threads spin inside a run only: an idle session costs nothing
      {"session.use_device_allocator_for_initializers", "1"},  // weights outside the arena: what prepacking has copied is given back
  };
  for (const auto& [key, value] : entries) {
    if (OrtStatus* status = api.AddSessionConfigEntry(options, key, value)) return status;
  }
  return nullptr;
}

}  // namespace

int DeviceId(const OrtSource& source) {
  const std::string* id = Find(source.options, "device_id");
  return id == nullptr ? 0 : std::atoi(id->c_str());
}

Status MakeSessionOptions(const OrtLibrary& library, const OrtSource& source, OrtOwned<OrtSessionOptions>* options) {
  const OrtFunctions& api = library.api;
  const OrtLog log;
  const auto failed = [&](OrtStatus* status) {
    std::string message = library.path + ": provider " + source.provider + ": " + TakeOrtMessage(api, status);
    if (!log.text().empty()) message += "\n" + log.text();
    return Status::Error("ERR_DEVICE_UNAVAILABLE", std::move(message));
  };
  OrtSessionOptions* made = nullptr;
  if (OrtStatus* status = api.CreateSessionOptions(&made)) return failed(status);
  options->reset(made);
  if (OrtStatus* status = General(api, made, source)) return failed(status);
  if (OrtStatus* status = Append(api, made, source)) return failed(status);
  return Status::Ok();
}

}  // namespace vitrine
