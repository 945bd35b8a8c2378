// open, flock, pwrite and rename behind new_file.h.
#include "new_file.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>

namespace vitrine {
namespace {

constexpr char kTemporary[] = ".tmp";

bool EndsWith(const std::string& text, const std::string& ending) {
  return text.size() >= ending.size() && text.compare(text.size() - ending.size(), ending.size(), ending) == 0;
}

}  // namespace

NewFile::~NewFile() {
  if (handle_ < 0) return;
  unlink(temporary_.c_str());
  close(handle_);
}

int NewFile::Create(const std::string& folder, const std::string& name) {
  static std::atomic<uint32_t> serial{0};
  path_ = folder + '/' + name;
  for (int attempt = 0; attempt < 100; attempt++) {  // a name may be taken: by a process that is no more, or by one of another container
    temporary_ = path_ + '.' + std::to_string(getpid()) + '-' + std::to_string(serial++) + kTemporary;
    do handle_ = open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    while (handle_ < 0 && errno == EINTR);
    if (handle_ >= 0) break;
    if (errno != EEXIST) return errno;
  }
  if (handle_ < 0) return EEXIST;
  static_cast<void>(flock(handle_, LOCK_EX | LOCK_NB));  // where there are no locks, RemoveAbandoned finds none either
  return 0;
}

int NewFile::WriteAt(const void* bytes, int64_t count, uint64_t offset) {
  for (int64_t total = 0; total < count;) {
    const ssize_t wrote = pwrite(handle_, static_cast<const char*>(bytes) + total, size_t(count - total), off_t(offset + uint64_t(total)));
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return errno;
    if (wrote == 0) return ENOSPC;
    total += wrote;
  }
  return 0;
}

int NewFile::Publish() {
  if (rename(temporary_.c_str(), path_.c_str()) != 0) return errno;
  const int closed = close(handle_) == 0 ? 0 : errno;  // some file systems tell only now that a write failed
  handle_ = -1;
  return closed;
}

int MakeFolder(const std::string& path) {
  for (size_t slash = path.find('/', 1);; slash = path.find('/', slash + 1)) {
    const std::string part = path.substr(0, slash);
    if (mkdir(part.c_str(), 0700) != 0 && errno != EEXIST) {
      struct stat info;  // a parent on a read-only disk is there all the same
      const int error = errno;
      if (stat(part.c_str(), &info) != 0 || !S_ISDIR(info.st_mode)) return error;
    }
    if (slash == std::string::npos) return 0;
  }
}

std::vector<FolderEntry> FilesIn(const std::string& folder, const std::string& ending) {
  std::vector<FolderEntry> entries;
  DIR* opened = opendir(folder.c_str());
  if (opened == nullptr) return entries;
  while (const dirent* entry = readdir(opened)) {
    const std::string name = entry->d_name;
    struct stat info;
    if (!EndsWith(name, ending) || lstat((folder + '/' + name).c_str(), &info) != 0 || !S_ISREG(info.st_mode)) continue;
#if defined(__APPLE__)
    const timespec& modified = info.st_mtimespec;
#else
    const timespec& modified = info.st_mtim;
#endif
    entries.push_back({folder + '/' + name, uint64_t(info.st_size), int64_t(modified.tv_sec) * 1'000'000'000 + modified.tv_nsec});
  }
  closedir(opened);
  return entries;
}

int64_t FreeBytes(const std::string& folder) {
  struct statvfs info;
  if (statvfs(folder.c_str(), &info) != 0) return -1;
  return int64_t(info.f_bavail) * int64_t(info.f_frsize);
}

int RemoveFile(const std::string& path) { return unlink(path.c_str()) == 0 ? 0 : errno; }

void RemoveAbandoned(const std::string& folder) {
  for (const FolderEntry& entry : FilesIn(folder, kTemporary)) {
    const int handle = open(entry.path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (handle < 0) continue;
    if (flock(handle, LOCK_EX | LOCK_NB) == 0) unlink(entry.path.c_str());
    close(handle);
  }
}

int64_t NowNs() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

}  // namespace vitrine
