// Files as weights need them: opened once, read at offsets, never mapped (a mapped file that another process truncates is a signal, a
// read one an error). Used by engine/tensor_reader.cc and engine/packed_cache.cc.
#pragma once

#include <cstdint>
#include <string>

namespace vitrine {

struct FileIdentity {
  uint64_t device = 0, inode = 0, size = 0;
  int64_t modified_ns = 0;  // since 1970
  bool linked = true;       // false: no name leads to the file any more
  bool operator==(const FileIdentity&) const = default;
};

class File {
 public:
  File() = default;
  File(File&& other) noexcept : handle_(other.handle_) { other.handle_ = -1; }
  File& operator=(File&&) = delete;
  ~File();

  // Errors are those of errno, 0 where there is none; a folder, pipe or device is EINVAL.
  int Open(const std::string& path);
  int Identify(FileIdentity* identity) const;
  // A hint: all of it will be read soon.
  void WillRead() const;
  // Modified now, where that is allowed.
  void Touch() const;
  // Bytes read, `count` unless the file ends before; -1 with *error.
  int64_t ReadAt(void* out, int64_t count, uint64_t offset, int* error) const;

 private:
  int handle_ = -1;
};

// Without links and dots; empty where there is no such file.
std::string RealPath(const std::string& path);

// "No such file or directory" and the like.
std::string ErrorText(int error);

}  // namespace vitrine
