// The readers behind arguments.h, field by field.
#include "arguments.h"

#include <cmath>
#include <string>
#include <utility>

#include "results.h"
#include "values.h"

namespace vitrine {
namespace {

int64_t Size(Napi::Object object, const char* field) { return ReadInteger(object.Get(field), field, 0, int64_t{1} << 40); }

Activation ReadActivation(Napi::Value value) {
  return OneOf<Activation>(value, "activation",
                           {{"none", Activation::kNone},
                            {"gelu", Activation::kGelu},
                            {"gelu_tanh", Activation::kGeluTanh},
                            {"quick_gelu", Activation::kQuickGelu},
                            {"relu", Activation::kRelu},
                            {"silu", Activation::kSilu},
                            {"tanh", Activation::kTanh}});
}

Linear ReadLinear(Napi::Value value, const char* role) {
  const Napi::Object object = Object(value, role);
  return {ReadTensor(object.Get("weight"), role), ReadTensor(object.Get("bias"), role)};
}

Norm ReadNorm(Napi::Value value, const char* role) {
  const Napi::Object object = Object(value, role);
  return {ReadTensor(object.Get("gamma"), role), ReadTensor(object.Get("beta"), role)};
}

std::optional<Norm> ReadOptionalNorm(Napi::Value value, const char* role) {
  return value.IsUndefined() ? std::nullopt : std::optional(ReadNorm(value, role));
}

Block ReadBlock(Napi::Value value) {
  const Napi::Object object = Object(value, "block");
  return {.norm1 = ReadNorm(object.Get("norm1"), "norm1"),
          .qkv = ReadLinear(object.Get("qkv"), "qkv"),
          .projection = ReadLinear(object.Get("projection"), "projection"),
          .scale1 = ReadTensor(object.Get("scale1"), "scale1"),
          .norm2 = ReadNorm(object.Get("norm2"), "norm2"),
          .fc1 = ReadLinear(object.Get("fc1"), "fc1"),
          .fc2 = ReadLinear(object.Get("fc2"), "fc2"),
          .scale2 = ReadTensor(object.Get("scale2"), "scale2")};
}

int32_t Side(Napi::Object object, const char* field) { return int32_t(ReadInteger(object.Get(field), field, 1, kLargestSide)); }

Geometry ReadGeometry(Napi::Value value) {
  const Napi::Object object = Object(value, "geometry");
  Geometry geometry{};
  geometry.resize_width = Side(object, "resizeWidth");
  geometry.resize_height = Side(object, "resizeHeight");
  geometry.filter = OneOf<ResizeFilter>(object.Get("filter"), "filter",
                                        {{"nearest", ResizeFilter::kNearest},
                                         {"bilinear", ResizeFilter::kBilinear},
                                         {"bicubic", ResizeFilter::kBicubic},
                                         {"lanczos", ResizeFilter::kLanczos},
                                         {"box", ResizeFilter::kBox},
                                         {"hamming", ResizeFilter::kHamming}});
  geometry.coefficients =
      OneOf<ResizeCoefficients>(object.Get("coefficients"), "coefficients",
                                {{"pillow", ResizeCoefficients::kPillow}, {"torchvision", ResizeCoefficients::kTorchvision}});
  geometry.vertical_first = Boolean(object.Get("verticalFirst"), "verticalFirst");
  geometry.crop_left = int32_t(ReadInteger(object.Get("cropLeft"), "cropLeft", -kLargestSide, kLargestSide));
  geometry.crop_top = int32_t(ReadInteger(object.Get("cropTop"), "cropTop", -kLargestSide, kLargestSide));
  geometry.crop_width = Side(object, "cropWidth");
  geometry.crop_height = Side(object, "cropHeight");
  double pad[3];
  ReadTriple(object.Get("pad"), "pad", pad);
  for (int c = 0; c < 3; c++) {
    if (!(pad[c] >= 0 && pad[c] <= 255)) Expected(value, "pad", "values from 0 to 255");
    geometry.pad[c] = uint8_t(pad[c]);
  }
  return geometry;
}

template <class T>
T* Sink(Napi::Value value, napi_typedarray_type type, int64_t row, int64_t length) {
  size_t elements = 0;
  T* data = Elements<T>(value, type, "sink", &elements);
  if (length <= 0 || row < 0 || row >= int64_t(elements) / length) {
    Throw(value.Env(), "ERR_INTERNAL",
          "sink: row " + std::to_string(row) + " of " + std::to_string(length) + " elements each does not fit into " +
              std::to_string(elements));
  }
  return data + row * length;
}

}  // namespace

Tensor ReadTensor(Napi::Value value, const char* role) {
  Tensor tensor;
  if (value.IsUndefined()) return tensor;
  ForEach(value, role, [&](Napi::Value item) {
    const Napi::Object object = Object(item, role);
    TensorPart part;
    part.name = String(object.Get("name"), "name");
    const Napi::Value zeros = object.Get("zeros");
    ForEach(zeros.IsUndefined() ? object.Get("shape") : zeros, "shape",
            [&](Napi::Value side) { part.shape.push_back(ReadInteger(side, "shape", 0, int64_t{1} << 40)); });
    if (zeros.IsUndefined()) {
      part.file = int32_t(ReadInteger(object.Get("file"), "file", 0, 1 << 20));
      part.offset = uint64_t(ReadInteger(object.Get("offset"), "offset", 0, int64_t{1} << 53));
      part.dtype = OneOf<DType>(object.Get("dtype"), "dtype", {{"f32", DType::kF32}, {"f16", DType::kF16}, {"bf16", DType::kBF16}});
    }
    tensor.parts.push_back(std::move(part));
  });
  return tensor;
}

void ReadTriple(Napi::Value value, const char* what, double* out) {
  int count = 0;
  ForEach(value, what, [&](Napi::Value item) {
    if (count < 3) out[count] = ReadNumber(item, what);
    count++;
  });
  if (count != 3) Expected(value, what, "three numbers");
}

void ReadFiles(Napi::Object object, EncoderSpec* spec) {
  ForEach(object.Get("files"), "files", [&](Napi::Value file) { spec->files.push_back(String(file, "files")); });
  const Napi::Value stamps = object.Get("stamps");
  if (stamps.IsUndefined()) return;
  ForEach(stamps, "stamps", [&](Napi::Value item) {
    const Napi::Object stamp = Object(item, "stamps");
    spec->stamps.push_back(
        {BigInt(stamp.Get("ino"), "ino"), BigInt(stamp.Get("size"), "size"), int64_t(BigInt(stamp.Get("mtimeNs"), "mtimeNs"))});
  });
}

PoolTerm ReadTerm(Napi::Value value) {
  const Napi::Object term = Object(value, "term");
  return {Size(term, "row"), ReadInteger(term.Get("count"), "count", -1, int64_t{1} << 40), Boolean(term.Get("mean"), "mean"),
          Boolean(term.Get("afterNorm"), "afterNorm")};
}

int64_t ReadInteger(Napi::Value value, const char* what, int64_t least, int64_t most) {
  const double number = ReadNumber(value, what);
  if (!(number >= double(least) && number <= double(most)) || number != std::floor(number)) {
    Throw(value.Env(), "ERR_INTERNAL",
          std::string("argument ") + what + ": expected a whole number from " + std::to_string(least) + " to " + std::to_string(most) +
              ", found " + std::to_string(number));
  }
  return int64_t(number);
}

EncoderSpec ReadSpec(Napi::Value value) {
  const Napi::Object object = Object(value, "spec");
  EncoderSpec spec;
  ReadFiles(object, &spec);
  spec.dim = Size(object, "dim");
  spec.heads = Size(object, "heads");
  spec.head_dim = Size(object, "headDim");
  spec.mlp_width = Size(object, "mlpWidth");
  spec.patch_height = Side(object, "patchHeight");
  spec.patch_width = Side(object, "patchWidth");
  spec.patch = ReadLinear(object.Get("patch"), "patch");
  ForEach(object.Get("prefix"), "prefix", [&](Napi::Value item) {
    const Napi::Object token = Object(item, "prefix");
    spec.prefix.push_back({ReadTensor(token.Get("value"), "prefix"), Size(token, "rows"), Boolean(token.Get("position"), "position")});
  });
  if (const Napi::Value item = object.Get("position"); !item.IsUndefined()) {
    const Napi::Object position = Object(item, "position"), resize = Object(position.Get("resize"), "resize");
    spec.position = {.table = ReadTensor(position.Get("table"), "position"),
                     .grid_height = Size(position, "gridHeight"),
                     .grid_width = Size(position, "gridWidth"),
                     .resize = {Boolean(resize.Get("antialias"), "antialias"), Boolean(resize.Get("alignCorners"), "alignCorners")}};
  }
  spec.pre_norm = ReadOptionalNorm(object.Get("preNorm"), "preNorm");
  ForEach(object.Get("blocks"), "blocks", [&](Napi::Value block) { spec.blocks.push_back(ReadBlock(block)); });
  spec.glu = Boolean(object.Get("glu"), "glu");
  spec.activation = ReadActivation(object.Get("activation"));
  spec.eps = float(ReadNumber(object.Get("eps"), "eps"));
  spec.final_norm = ReadOptionalNorm(object.Get("finalNorm"), "finalNorm");
  ForEach(object.Get("headsOut"), "headsOut", [&](Napi::Value item) {
    const Napi::Object head = Object(item, "headsOut");
    spec.heads_out.push_back({String(head.Get("name"), "name"), ReadLinear(head.Get("linear"), "head"),
                              ReadActivation(head.Get("activation")), Size(head, "in"), Size(head, "out")});
  });
  ReadTriple(object.Get("mean"), "mean", spec.mean);
  ReadTriple(object.Get("std"), "std", spec.std);
  spec.rescale = ReadNumber(object.Get("rescale"), "rescale");
  return spec;
}

RecycledVector<Output> ReadOutputs(Napi::Value value) {
  RecycledVector<Output> outputs;
  ForEach(value, "outputs", [&](Napi::Value item) {
    const Napi::Object object = Object(item, "output");
    Output output{
        .kind = OneOf<Output::Kind>(object.Get("kind"), "kind", {{"pool", Output::Kind::kPool}, {"attention", Output::Kind::kAttention}}),
        .branches = {},
        .normalize = false,
        .layer = -1};
    if (output.kind == Output::Kind::kPool) {
      output.normalize = Boolean(object.Get("normalize"), "normalize");
      output.layer = int32_t(ReadInteger(object.Get("layer"), "layer", -1, 1 << 20));
      ForEach(object.Get("branches"), "branches", [&](Napi::Value branch_value) {
        const Napi::Object branch_object = Object(branch_value, "branch");
        PoolBranch branch{.terms = {}, .head = int32_t(ReadInteger(branch_object.Get("head"), "head", -1, 1 << 20))};
        ForEach(branch_object.Get("terms"), "terms", [&](Napi::Value term_value) { branch.terms.push_back(ReadTerm(term_value)); });
        output.branches.push_back(std::move(branch));
      });
    }
    outputs.push_back(std::move(output));
  });
  return outputs;
}

MergeSchedule ReadMerging(Napi::Value value) {
  MergeSchedule merging;
  if (value.IsUndefined()) return merging;
  ForEach(value, "merging", [&](Napi::Value r) { merging.push_back(ReadInteger(r, "merging", 0, int64_t{1} << 20)); });
  return merging;
}

ImageArgument ReadImage(Napi::Value value) {
  const Napi::Object object = Object(value, "image");
  ImageArgument image{.input = {},
                      .buffer = object.Get("data"),
                      .is_picture = OneOf<bool>(object.Get("kind"), "kind", {{"picture", true}, {"pixels", false}})};
  const int32_t width = Side(object, "width"), height = Side(object, "height");
  size_t length = 0;
  int64_t channels = 3;
  if (image.is_picture) {
    const auto layout = OneOf<PixelLayout>(object.Get("layout"), "layout",
                                           {{"grey", PixelLayout::kGrey},
                                            {"rgb", PixelLayout::kRgb},
                                            {"rgba", PixelLayout::kRgba},
                                            {"rgba-over-white", PixelLayout::kRgbaOverWhite},
                                            {"cmyk", PixelLayout::kCmyk}});
    channels = BytesPerPixel(layout);
    const auto* data = Elements<uint8_t>(image.buffer, napi_uint8_array, "data", &length);
    image.input.picture = {.data = data, .bytes = int64_t(length), .width = width, .height = height, .layout = layout};
    image.input.geometry = ReadGeometry(object.Get("geometry"));
    image.input.width = image.input.geometry.crop_width;
    image.input.height = image.input.geometry.crop_height;
  } else {
    image.input.planes = Elements<float>(image.buffer, napi_float32_array, "data", &length);
    image.input.width = width;
    image.input.height = height;
  }
  const int64_t expected = int64_t(width) * height * channels;
  if (int64_t(length) != expected) {
    Throw(value.Env(), "ERR_IMAGE_DIMS",
          "image data of " + std::to_string(length) + " values, expected " + std::to_string(expected) + " for " + std::to_string(width) +
              "×" + std::to_string(height) + " pixels of " + std::to_string(channels) + " channels");
  }
  return image;
}

float* ReadFloatSink(Napi::Value value, int64_t row, int64_t length) { return Sink<float>(value, napi_float32_array, row, length); }
uint8_t* ReadByteSink(Napi::Value value, int64_t row, int64_t length) { return Sink<uint8_t>(value, napi_uint8_array, row, length); }

}  // namespace vitrine
