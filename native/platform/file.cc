// open, fstat and pread behind file.h.
#include "file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <system_error>

namespace vitrine {

File::~File() {
  if (handle_ >= 0) close(handle_);
}

int File::Open(const std::string& path) {
  // Non-blocking: opening a pipe would wait for its writer.
  do handle_ = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  while (handle_ < 0 && errno == EINTR);
  if (handle_ < 0) return errno;
  struct stat info;
  if (fstat(handle_, &info) != 0) return errno;
  if (!S_ISREG(info.st_mode)) return EINVAL;
  return 0;
}

void File::WillRead() const {
#if defined(POSIX_FADV_WILLNEED)
  posix_fadvise(handle_, 0, 0, POSIX_FADV_WILLNEED);
#endif
}

void File::Touch() const { static_cast<void>(futimens(handle_, nullptr)); }

int File::Identify(FileIdentity* identity) const {
  struct stat info;
  if (fstat(handle_, &info) != 0) return errno;
#if defined(__APPLE__)
  const timespec& modified = info.st_mtimespec;
#else
  const timespec& modified = info.st_mtim;
#endif
  *identity = {.device = uint64_t(info.st_dev),
               .inode = uint64_t(info.st_ino),
               .size = uint64_t(info.st_size),
               .modified_ns = int64_t(modified.tv_sec) * 1'000'000'000 + modified.tv_nsec,
               .linked = info.st_nlink > 0};
  return 0;
}

int64_t File::ReadAt(void* out, int64_t count, uint64_t offset, int* error) const {
  constexpr int64_t kMostAtOnce = int64_t{1} << 30;  // macOS and Linux refuse or cut longer ones
  int64_t total = 0;
  while (total < count) {
    const int64_t wanted = count - total < kMostAtOnce ? count - total : kMostAtOnce;
    const ssize_t got = pread(handle_, static_cast<char*>(out) + total, size_t(wanted), off_t(offset + uint64_t(total)));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return *error = errno, -1;
    if (got == 0) break;
    total += got;
  }
  return total;
}

std::string RealPath(const std::string& path) {
  char* resolved = realpath(path.c_str(), nullptr);
  std::string result = resolved != nullptr ? resolved : "";
  free(resolved);
  return result;
}

std::string ErrorText(int error) { return std::generic_category().message(error); }

}  // namespace vitrine
