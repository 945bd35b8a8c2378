// From the tensors of a checkpoint to packed panels, biases and scales, in memory that somebody else laid out. Before it: weights.cc;
// after it: tensor_reader.h, norm_fold.h and the kernels' packings.
#pragma once

#include <atomic>
#include <cstddef>
#include <mutex>

#include "../kernels/kernels.h"
#include "tensor_reader.h"
#include "weights.h"

namespace vitrine {

enum class PanelOrder : uint8_t { kPlain, kGlu, kPatch, kHeads, kClassKeys };

// A norm as the file and as the packed weights have it.
struct NormPlan {
  const Norm* norm = nullptr;
  float *gamma = nullptr, *beta = nullptr;
};

// A linear layer to be packed: work is claimed panel by panel, of kClassKeys head by head.
struct LinearPlan {
  const Linear* linear;
  const Tensor* layer_scale;  // may be null
  int64_t n, k, panel_count;
  PanelOrder order;
  const Gemm* gemm;
  int64_t panel_bytes;
  std::byte* panels;
  float *bias, *scale;
  std::byte* byte_panels;  // kPatch: the second packing
  float* byte_bias;
  float* column_scale;  // int8
  int32_t* column_sum;  // int8
  float* fold;          // [k], int8 layers that read a norm, else null: the weights are multiplied by it, the norm's parameters divided
  float* mean;          // [k], with `fold`: what the product reads on average
  NormPlan norm;        // of `fold`
  int64_t first_chunk;
};

// On every thread of a team: `rows` is memory of one of them. The first failure counts.
class PanelPacker {
 public:
  static constexpr int64_t kMostColumns = 256;  // of a panel

  PanelPacker(const EncoderSpec& spec, const TensorReader& reader, const Kernels& kernels, const std::atomic<bool>& cancelled,
              LoadProgress& progress)
      : spec_(spec), reader_(reader), kernels_(kernels), cancelled_(cancelled), progress_(progress) {}

  // Some rows of a tensor as floats.
  void Read(const Tensor& tensor, int64_t first, int64_t count, int64_t row_values, float* out);
  // The fold and the mean of a plan that has them, before its first panel is packed. `rows`: NR·K floats.
  void Fold(const LinearPlan& plan, float* rows);
  // A panel and what belongs to its columns. `rows`: (NR + 1)·K floats; of kClassKeys a head, K·(D + NR).
  void Pack(const LinearPlan& plan, int64_t panel, float* rows);

  void Fail(Status status);
  bool failed() const { return failed_; }
  bool Stops() const { return failed_ || cancelled_; }
  const Status& status() const { return status_; }

 private:
  void PackClassKeys(const LinearPlan& plan, int64_t head, float* rows);
  void PackPatchBytes(const LinearPlan& plan, int64_t panel, float* rows, float* row);
  void ReadSlice(const LinearPlan& plan, const Tensor& tensor, int64_t panel, int64_t row_values, float* out);

  const EncoderSpec& spec_;
  const TensorReader& reader_;
  const Kernels& kernels_;
  const std::atomic<bool>& cancelled_;
  LoadProgress& progress_;
  std::atomic<bool> failed_{false};
  std::mutex mutex_;
  Status status_;
};

}  // namespace vitrine
