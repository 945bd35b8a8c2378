// Preloaded into Node: counts calls of malloc and the like whose return address lies in one shared object, and keeps where the first ones came
// from. Opened by the child as an addon too, which is how it is asked: watch(path), then stop() → { calls, bytes, from }.
// operator new is inside the addon, which links libstdc++ statically, and calls malloc from there. glibc alone: it has __libc_malloc.
#define _GNU_SOURCE
#include <execinfo.h>
#include <link.h>
#include <node_api.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

extern void* __libc_malloc(size_t);
extern void* __libc_calloc(size_t, size_t);
extern void* __libc_realloc(void*, size_t);
extern void* __libc_memalign(size_t, size_t);

enum { kTraces = 32, kDepth = 16 };
static atomic_int watching;
static uintptr_t base, low, high;
static atomic_long calls, bytes_asked;
static atomic_int traces;
static struct {
  const char* what;
  void* frames[kDepth];
  int depth;
} trace[kTraces];
static __thread int inside __attribute__((tls_model("initial-exec")));

static void note(const char* what, size_t bytes, void* caller) {
  const uintptr_t at = (uintptr_t)caller;
  if (!atomic_load(&watching) || inside || at < low || at >= high) return;
  inside = 1;
  atomic_fetch_add(&calls, 1);
  atomic_fetch_add(&bytes_asked, (long)bytes);
  const int i = atomic_fetch_add(&traces, 1);
  if (i < kTraces) {
    trace[i].what = what;
    trace[i].depth = backtrace(trace[i].frames, kDepth);
  }
  inside = 0;
}
#define NOTE(what, bytes) note(what, bytes, __builtin_return_address(0))

void* malloc(size_t n) { return NOTE("malloc", n), __libc_malloc(n); }
void* calloc(size_t n, size_t each) { return NOTE("calloc", n * each), __libc_calloc(n, each); }
void* realloc(void* p, size_t n) { return NOTE("realloc", n), __libc_realloc(p, n); }
void* reallocarray(void* p, size_t n, size_t each) { return NOTE("reallocarray", n * each), __libc_realloc(p, n * each); }
void* memalign(size_t to, size_t n) { return NOTE("memalign", n), __libc_memalign(to, n); }
void* aligned_alloc(size_t to, size_t n) { return NOTE("aligned_alloc", n), __libc_memalign(to, n); }
int posix_memalign(void** out, size_t to, size_t n) {
  NOTE("posix_memalign", n);
  return (*out = __libc_memalign(to, n)) != NULL ? 0 : 12;
}
void* mmap(void* at, size_t n, int protection, int flags, int file, off_t offset) {
  NOTE("mmap", n);
  return (void*)syscall(SYS_mmap, at, n, protection, flags, file, offset);
}
void* mmap64(void* at, size_t n, int protection, int flags, int file, off64_t offset) {
  NOTE("mmap64", n);
  return (void*)syscall(SYS_mmap, at, n, protection, flags, file, offset);
}

// The executable segments of the object whose path ends like the one given
static int find(struct dl_phdr_info* info, size_t size, void* path) {
  (void)size;
  const size_t wanted = strlen(path), length = strlen(info->dlpi_name);
  if (length < wanted || strcmp(info->dlpi_name + length - wanted, path) != 0) return 0;
  base = info->dlpi_addr, low = UINTPTR_MAX, high = 0;
  for (int i = 0; i < info->dlpi_phnum; i++) {
    const ElfW(Phdr)* segment = &info->dlpi_phdr[i];
    if (segment->p_type != PT_LOAD || !(segment->p_flags & PF_X)) continue;
    const uintptr_t begin = base + segment->p_vaddr, end = begin + segment->p_memsz;
    if (begin < low) low = begin;
    if (end > high) high = end;
  }
  return 1;
}

static napi_value watch(napi_env env, napi_callback_info info) {
  char path[4096];
  napi_value argument;
  size_t count = 1;
  napi_get_cb_info(env, info, &count, &argument, NULL, NULL);
  napi_get_value_string_utf8(env, argument, path, sizeof path, NULL);
  void* warm[2];
  backtrace(warm, 2);  // its own first call allocates
  if (dl_iterate_phdr(find, path) == 0) napi_throw_error(env, NULL, "no such object is loaded");
  calls = bytes_asked = traces = 0;
  watching = 1;
  return NULL;
}

// from: of each kept call, its name and the offsets in the object of the frames that lie there, innermost first
static napi_value stop(napi_env env, napi_callback_info info) {
  (void)info;
  watching = 0;
  napi_value result, value, from;
  napi_create_object(env, &result);
  napi_create_int64(env, calls, &value), napi_set_named_property(env, result, "calls", value);
  napi_create_int64(env, bytes_asked, &value), napi_set_named_property(env, result, "bytes", value);
  napi_create_array(env, &from), napi_set_named_property(env, result, "from", from);
  for (int i = 0; i < traces && i < kTraces; i++) {
    char line[1024];
    int length = snprintf(line, sizeof line, "%s", trace[i].what);
    for (int frame = 0; frame < trace[i].depth && length < (int)sizeof line - 24; frame++) {
      const uintptr_t at = (uintptr_t)trace[i].frames[frame];
      if (at >= low && at < high) length += snprintf(line + length, sizeof line - (size_t)length, " 0x%lx", (unsigned long)(at - base - 1));
    }
    napi_create_string_utf8(env, line, NAPI_AUTO_LENGTH, &value), napi_set_element(env, from, (uint32_t)i, value);
  }
  return result;
}

NAPI_MODULE_INIT() {
  napi_value function;
  napi_create_function(env, "watch", NAPI_AUTO_LENGTH, watch, NULL, &function), napi_set_named_property(env, exports, "watch", function);
  napi_create_function(env, "stop", NAPI_AUTO_LENGTH, stop, NULL, &function), napi_set_named_property(env, exports, "stop", function);
  return exports;
}
