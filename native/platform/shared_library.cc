// dlopen and LoadLibrary, on_exit and atexit, behind shared_library.h.
#include "shared_library.h"

#include <cstdio>
#include <cstdlib>

#if defined(_WIN32)
#include <windows.h>
#else
#include <dlfcn.h>
#include <unistd.h>
#endif

namespace vitrine {

#if defined(_WIN32)

void* OpenSharedLibrary(const std::string& path, std::string* error) {
  void* library = LoadLibraryExW(NativePath(path).c_str(), nullptr, LOAD_WITH_ALTERED_SEARCH_PATH);
  if (library == nullptr) *error = "Windows error " + std::to_string(GetLastError());
  return library;
}

void* FindSymbol(void* library, const char* name) { return reinterpret_cast<void*>(GetProcAddress(static_cast<HMODULE>(library), name)); }

std::string OwnLibrary() { return {}; }

void ExitNow(int code) { TerminateProcess(GetCurrentProcess(), UINT(code)), std::abort(); }

#else

void* OpenSharedLibrary(const std::string& path, std::string* error) {
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    const char* text = dlerror();
    *error = text == nullptr ? "dlopen failed" : text;
  }
  return library;
}

void* FindSymbol(void* library, const char* name) { return dlsym(library, name); }

std::string OwnLibrary() {
  Dl_info info;
  static const char here = 0;
  return dladdr(&here, &info) != 0 && info.dli_fname != nullptr ? info.dli_fname : "";
}

void ExitNow(int code) { _exit(code); }

#endif

#if defined(__GLIBC__)

void OnExit(void (*handler)(int code)) {
  on_exit([](int code, void* function) { reinterpret_cast<void (*)(int)>(function)(code); }, reinterpret_cast<void*>(handler));
}

#else

namespace {
void (*the_handler)(int) = nullptr;
}

void OnExit(void (*handler)(int code)) {
  the_handler = handler;
  std::atexit([] { the_handler(-1); });
}

#endif

}  // namespace vitrine
