// What a session is made of: OnnxModelSource of lib/native.ts as plain structs, with no pointer into JavaScript. Before it:
// binding/onnx_arguments.h; after it: session_store.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "../engine/spec.h"

namespace vitrine {

// A weight that the model marks as external.
struct OrtWeight {
  std::string name;
  std::vector<int64_t> dims;  // of the result
  Tensor tensor;
  bool transpose;  // stored [out, in], wanted [in, out]
  int type;        // kOrtFloat, kOrtFloat16 or kOrtBFloat16
};

// A position table that the graph takes as an input [1, prefix_rows + height · width of the grid, dim].
struct OrtPosition {
  std::string input;
  Tensor table;
  int64_t dim, prefix_rows, grid_height, grid_width;
  PositionResize resize;
  int32_t patch_height, patch_width;
};

struct OrtSource {
  std::string key;
  std::string library;  // absolute path
  std::string file;     // of the model, or empty
  std::string model;    // the bytes of a ModelProto where there is no file
  EncoderSpec files;    // only its files and stamps
  std::vector<OrtWeight> weights;
  std::optional<OrtPosition> position;
  std::string provider;  // "cpu", "cuda", …
  std::vector<std::pair<std::string, std::string>> options;
  int threads;
  std::string input;
  int64_t batch;
  bool graph_capture;

  std::string name() const { return file.empty() ? "the graph" : file; }
};

}  // namespace vitrine
