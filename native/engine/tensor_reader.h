// Tensors of the spec → fp32 rows, straight from the weight files. Before it: spec.h; after it: weights.cc, which packs the rows.
#pragma once

#include <cstdint>
#include <vector>

#include "../platform/file.h"
#include "spec.h"
#include "status.h"

namespace vitrine {

// Values in a shape; -1 where a side is negative or the product is beyond 2^40.
int64_t CountValues(const std::vector<int64_t>& shape);
int64_t DTypeBytes(DType dtype);

// The weight files of one spec, open for as long as this lives. Any thread may read.
class TensorReader {
 public:
  // ERR_CHECKPOINT_NOT_FOUND, _INVALID; _CHANGED where a file is not the one that a stamp of the spec describes.
  Status Open(const EncoderSpec& spec);
  const std::vector<FileIdentity>& identities() const { return identities_; }
  const std::vector<std::string>& paths() const { return paths_; }
  // A hint: all of the files will be read soon.
  void WillRead() const;

  // A checksum of 64 places of each file: what a file has besides its identity, where times are all the same (reproducible images) or
  // copied along. False where they cannot be read.
  bool Sample(uint64_t* sum) const;

  // Every part of `tensor` lies inside its file and together they hold `values` values. ERR_CHECKPOINT_TRUNCATED, _INVALID,
  // ERR_TENSOR_SHAPE.
  Status Check(const Tensor& tensor, int64_t values, const char* role) const;

  // Rows [first, first + count) of a checked tensor seen as rows of `row_values` values → out[count · row_values]. ERR_CHECKPOINT_TRUNCATED
  // where the file has become shorter; ERR_CHECKPOINT_CHANGED where it can no longer be read.
  Status ReadRows(const Tensor& tensor, int64_t first, int64_t count, int64_t row_values, float* out) const;

  // ERR_CHECKPOINT_CHANGED where a file is not what it was when it was opened.
  Status CheckUnchanged() const;

 private:
  Status ReadValues(const TensorPart& part, int64_t first, int64_t count, float* out) const;

  std::vector<std::string> paths_;
  std::vector<File> files_;
  std::vector<FileIdentity> identities_;
};

}  // namespace vitrine
