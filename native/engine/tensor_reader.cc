// Offsets and shapes checked, bytes read and widened, behind tensor_reader.h.
#include "tensor_reader.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "checksum.h"
#include "halves.h"

namespace vitrine {
namespace {

constexpr int64_t kMostValues = int64_t{1} << 40;

}  // namespace

int64_t CountValues(const std::vector<int64_t>& shape) {
  int64_t count = 1;
  for (const int64_t side : shape) {
    if (side < 0 || (side > 0 && count > kMostValues / side)) return -1;
    count *= side;
  }
  return count;
}

int64_t DTypeBytes(DType dtype) { return dtype == DType::kF32 ? 4 : 2; }

Status TensorReader::Open(const EncoderSpec& spec) {
  files_.reserve(spec.files.size());
  for (size_t i = 0; i < spec.files.size(); i++) {
    const std::string& path = spec.files[i];
    File file;
    FileIdentity identity;
    int error = file.Open(path);
    if (error == 0) error = file.Identify(&identity);
    if (error == ENOENT) return Status::Error("ERR_CHECKPOINT_NOT_FOUND", path + ": " + ErrorText(error));
    if (error != 0) return Status::Error("ERR_CHECKPOINT_INVALID", path + " cannot be read: " + ErrorText(error));
    if (i < spec.stamps.size()) {
      const FileStamp& stamp = spec.stamps[i];
      if (stamp.size > identity.size) {
        return Status::Error("ERR_CHECKPOINT_TRUNCATED", path + " was " + std::to_string(stamp.size) +
                                                             " bytes long when its header was read, now it has " +
                                                             std::to_string(identity.size));
      }
      if (stamp.size != identity.size || stamp.modified_ns != identity.modified_ns || stamp.inode != identity.inode) {
        return Status::Error("ERR_CHECKPOINT_CHANGED", path + " has changed since its header was read");
      }
    }
    paths_.push_back(path);
    files_.push_back(std::move(file));
    identities_.push_back(identity);
  }
  return Status::Ok();
}

void TensorReader::WillRead() const {
  for (const File& file : files_) file.WillRead();
}

bool TensorReader::Sample(uint64_t* sum) const {
  constexpr uint64_t kPlaces = 64;
  char bytes[4096];
  *sum = 0;
  for (size_t i = 0; i < files_.size(); i++) {
    const uint64_t size = identities_[i].size, last = size > sizeof bytes ? size - sizeof bytes : 0;
    for (uint64_t place = 0; place < kPlaces; place++) {
      int error = 0;
      const int64_t got = files_[i].ReadAt(bytes, sizeof bytes, last / (kPlaces - 1) * place, &error);
      if (got < 0) return false;
      *sum = Checksum(bytes, size_t(got), *sum);
      if (last == 0) break;
    }
  }
  return true;
}

Status TensorReader::Check(const Tensor& tensor, int64_t values, const char* role) const {
  int64_t total = 0;
  for (const TensorPart& part : tensor.parts) {
    const int64_t count = CountValues(part.shape);
    if (count < 0) return Status::Error("ERR_CHECKPOINT_INVALID", "tensor " + part.name + ": a shape that no tensor can have");
    total += count;
    if (part.file == -1) continue;
    if (part.file < 0 || size_t(part.file) >= files_.size()) {
      return Status::Error("ERR_CHECKPOINT_INVALID", "tensor " + part.name + ": there is no file " + std::to_string(part.file));
    }
    const uint64_t size = identities_[size_t(part.file)].size, bytes = uint64_t(count * DTypeBytes(part.dtype));
    if (part.offset > size || bytes > size - part.offset) {
      return Status::Error("ERR_CHECKPOINT_TRUNCATED", paths_[size_t(part.file)] + ": tensor " + part.name + " needs " +
                                                           std::to_string(bytes) + " bytes from byte " + std::to_string(part.offset) +
                                                           " on, the file has " + std::to_string(size));
    }
  }
  if (total != values) {
    return Status::Error("ERR_TENSOR_SHAPE", "tensor " + (tensor.parts.empty() ? std::string(role) : tensor.parts[0].name) + " (" + role +
                                                 ") has " + std::to_string(total) + " values, expected " + std::to_string(values));
  }
  return Status::Ok();
}

Status TensorReader::ReadRows(const Tensor& tensor, int64_t first, int64_t count, int64_t row_values, float* out) const {
  int64_t begin = first * row_values, left = count * row_values;  // values from the start of the tensor
  for (const TensorPart& part : tensor.parts) {
    if (left == 0) break;
    const int64_t here = CountValues(part.shape);
    if (begin >= here) {
      begin -= here;
      continue;
    }
    const int64_t taken = std::min(here - begin, left);
    if (const Status status = ReadValues(part, begin, taken, out); !status.ok()) return status;
    out += taken;
    left -= taken;
    begin = 0;
  }
  return left == 0 ? Status::Ok() : Status::Error("ERR_INTERNAL", "rows beyond the end of a tensor");
}

Status TensorReader::ReadValues(const TensorPart& part, int64_t first, int64_t count, float* out) const {
  if (part.file < 0) {
    std::memset(out, 0, size_t(count) * sizeof(float));
    return Status::Ok();
  }
  const int64_t width = DTypeBytes(part.dtype);
  const std::string& path = paths_[size_t(part.file)];
  uint16_t halves[16384];
  while (count > 0) {
    const bool direct = part.dtype == DType::kF32;
    const int64_t now = direct ? count : std::min<int64_t>(count, std::size(halves));
    void* into = direct ? static_cast<void*>(out) : halves;
    int error = 0;
    const int64_t got = files_[size_t(part.file)].ReadAt(into, now * width, part.offset + uint64_t(first * width), &error);
    if (got < 0) return Status::Error("ERR_CHECKPOINT_CHANGED", path + ": reading tensor " + part.name + " failed: " + ErrorText(error));
    if (got < now * width) {
      return Status::Error("ERR_CHECKPOINT_TRUNCATED", path + " became shorter while it was read: tensor " + part.name + " ends after " +
                                                           std::to_string(got) + " of " + std::to_string(now * width) + " bytes");
    }
    if (part.dtype == DType::kF16) WidenF16(halves, out, now);
    if (part.dtype == DType::kBF16) WidenBF16(halves, out, now);
    out += now;
    first += now;
    count -= now;
  }
  return Status::Ok();
}

Status TensorReader::CheckUnchanged() const {
  for (size_t i = 0; i < files_.size(); i++) {
    FileIdentity now;
    if (const int error = files_[i].Identify(&now); error != 0) {
      return Status::Error("ERR_CHECKPOINT_CHANGED", paths_[i] + " cannot be read any more: " + ErrorText(error));
    }
    if (now == identities_[i]) continue;
    if (now.size < identities_[i].size) return Status::Error("ERR_CHECKPOINT_TRUNCATED", paths_[i] + " became shorter while it was read");
    return Status::Error("ERR_CHECKPOINT_CHANGED",
                         paths_[i] + (now.linked ? " changed" : " was deleted or replaced") + " while it was read");
  }
  return Status::Ok();
}

}  // namespace vitrine
