// A file that appears whole or not at all, and the folder that it appears in. Used by engine/packed_cache.cc.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace vitrine {

// Written under a temporary name, which this process holds locked, then renamed. Errors are those of errno, 0 where there is none.
class NewFile {
 public:
  NewFile() = default;
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;
  // What was not published is removed.
  ~NewFile();

  // In a folder that is there. Nobody else may read it.
  int Create(const std::string& folder, const std::string& name);
  int WriteAt(const void* bytes, int64_t count, uint64_t offset);
  // Under its name, in place of what had it.
  int Publish();

 private:
  int handle_ = -1;
  std::string temporary_, path_;
};

struct FolderEntry {
  std::string path;
  uint64_t bytes;
  int64_t modified_ns;  // since 1970
};

// With its parents, for this user alone.
int MakeFolder(const std::string& path);
// Its plain files whose names end so.
std::vector<FolderEntry> FilesIn(const std::string& folder, const std::string& ending);
// What this user may still write on the folder's disk; -1 where the system does not say.
int64_t FreeBytes(const std::string& folder);
int RemoveFile(const std::string& path);
// Temporary files of processes that are no more.
void RemoveAbandoned(const std::string& folder);
int64_t NowNs();

}  // namespace vitrine
