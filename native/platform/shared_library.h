// Libraries opened at run time, never closed. Used by onnxruntime/library.cc; engine/weight_store.cc asks for its own.
#pragma once

#include <filesystem>
#include <string>

namespace vitrine {

// By absolute path; what it needs is looked for beside it too. Null with *error, in the system's words.
void* OpenSharedLibrary(const std::string& path, std::string* error);
void* FindSymbol(void* library, const char* name);

// The file that this code was loaded from; empty where the system does not say.
std::string OwnLibrary();

// `path` as the system's own functions take it: wide on Windows.
inline std::filesystem::path::string_type NativePath(const std::string& path) {
  return std::filesystem::path(reinterpret_cast<const char8_t*>(path.c_str())).native();
}

// Calls `handler` with the process's exit code when the process exits by exit() or by returning from main; handlers run last in, first out,
// before what was loaded earlier is destroyed. The code is -1 where the system does not tell.
void OnExit(void (*handler)(int code));

// Ends the process now, without destructors.
[[noreturn]] void ExitNow(int code);

}  // namespace vitrine
