// Open, ask for the version, make the environment, behind library.h.
#include "library.h"

#include <cstdlib>
#include <map>
#include <mutex>

#include "../platform/shared_library.h"
#include "guard.h"
#include "library_file.h"

namespace vitrine {
namespace {

thread_local OrtLog* listening = nullptr;

void VITRINE_ORT_CALL KeepMessage(void*, int severity, const char*, const char*, const char*, const char* message) {
  if (listening != nullptr && severity >= kOrtLogError) listening->Add(message);
}

Status Unavailable(const std::string& path, const std::string& what) { return Status::Error("ERR_DEVICE_UNAVAILABLE", path + ": " + what); }

// The 12 of "1.12.1"; -1 where the text is no such version. GetApi prints where it is asked for a version that it has not, so the text is
// looked at first.
int MinorOf(const std::string& version) {
  if (version.rfind("1.", 0) != 0) return -1;
  char* end = nullptr;
  const long minor = std::strtol(version.c_str() + 2, &end, 10);
  return end != version.c_str() + 2 && minor >= 0 && minor < 10'000 ? int(minor) : -1;
}

OrtFunctions ReadTable(const void* const* table, const void* const* newest, int minor) {
  OrtFunctions api;
#define VITRINE_ORT_READ(index, since, name, result, parameters)                      \
  if (since <= kOrtVersion)                                                           \
    api.name = reinterpret_cast<decltype(api.name)>(const_cast<void*>(table[index])); \
  else if (since <= minor && newest != nullptr)                                       \
    api.name = reinterpret_cast<decltype(api.name)>(const_cast<void*>(newest[index]));
  VITRINE_ORT_FUNCTIONS(VITRINE_ORT_READ)
#undef VITRINE_ORT_READ
  return api;
}

Status Prepare(const std::string& path, OrtLibrary* library) {
  void* handle = nullptr;
  {
    const InsideOrt inside;
    if (!inside.entered()) return ProcessEnds();
    std::string error;
    handle = OpenSharedLibrary(path, &error);
    if (handle == nullptr) return Unavailable(path, error.rfind(path, 0) == 0 ? error.substr(path.size()) : error);
  }
  GuardExit();
  const InsideOrt inside;
  if (!inside.entered()) return ProcessEnds();
  const auto get_base = reinterpret_cast<OrtGetApiBaseFunction>(FindSymbol(handle, "OrtGetApiBase"));
  if (get_base == nullptr) return Unavailable(path, "exports no OrtGetApiBase: this is not ONNX Runtime");
  const OrtApiBase* base = get_base();
  if (base == nullptr) return Unavailable(path, "OrtGetApiBase gives nothing");
  const char* version = base->GetVersionString();
  library->path = path;
  library->version = version == nullptr ? "" : version;
  library->minor = MinorOf(library->version);
  const std::string needs = ", vitrine needs 1." + std::to_string(kOrtVersion) + " or newer";
  const std::string found = "is ONNX Runtime " + (library->version.empty() ? "of an unknown version" : library->version) + needs;
  if (library->minor >= 0 && library->minor < kOrtVersion) return Unavailable(path, found);
  const void* const* table = base->GetApi(kOrtVersion);
  if (table == nullptr) return Unavailable(path, found);
  library->api = ReadTable(table, library->minor > kOrtVersion ? base->GetApi(uint32_t(library->minor)) : nullptr, library->minor);

  const OrtFunctions& api = library->api;
  const auto failed = [&](OrtStatus* status) { return Unavailable(path, TakeOrtMessage(api, status)); };
  if (OrtStatus* status = api.CreateEnvWithCustomLogger(KeepMessage, nullptr, kOrtLogWarning, "vitrine", &library->env))
    return failed(status);
  if (OrtStatus* status = api.GetAllocatorWithDefaultOptions(&library->allocator)) return failed(status);
  if (OrtStatus* status = api.CreateCpuMemoryInfo(kOrtDeviceAllocator, kOrtMemoryDefault, &library->cpu_memory)) return failed(status);
  char** names = nullptr;
  int count = 0;
  if (OrtStatus* status = api.GetAvailableProviders(&names, &count)) return failed(status);
  library->providers.assign(names, names + count);
  if (OrtStatus* status = api.ReleaseAvailableProviders(names, count)) return failed(status);
  return Status::Ok();
}

}  // namespace

OrtLog::OrtLog() { listening = this; }
OrtLog::~OrtLog() { listening = nullptr; }

void OrtLog::Add(const char* message) {
  constexpr size_t kMost = 4000;
  if (message == nullptr || text_.size() > kMost) return;
  text_ += (text_.empty() ? "" : "\n") + std::string(message);
}

Status ProcessEnds() { return Status::Error("ERR_ABORTED", "the process is exiting"); }

std::string TakeOrtMessage(const OrtFunctions& api, OrtStatus* status, int* code) {
  const char* text = api.GetErrorMessage(status);
  std::string message = text == nullptr || *text == 0 ? "ONNX Runtime gives no reason" : text;
  if (code != nullptr) *code = api.GetErrorCode(status);
  api.ReleaseStatus(status);
  return message;
}

Status OpenOrtLibrary(const std::string& path, const OrtLibrary** library) {
  static auto* mutex = new std::mutex;  // never destroyed, as all that a thread may touch while the process exits
  static auto* open = new std::map<std::string, std::unique_ptr<OrtLibrary>>;
  std::lock_guard lock(*mutex);  // held while opening: whoever wants the same library waits for it
  std::unique_ptr<OrtLibrary>& entry = (*open)[path];
  if (entry == nullptr) {
    auto opened = std::make_unique<OrtLibrary>();
    Status status = CheckLibraryFile(path);
    if (status.ok()) status = Prepare(path, opened.get());
    if (!status.ok()) {
      open->erase(path);
      return status;
    }
    GuardExit();
    entry = std::move(opened);
  }
  *library = entry.get();
  return Status::Ok();
}

}  // namespace vitrine
