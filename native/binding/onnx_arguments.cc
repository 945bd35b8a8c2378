// The readers behind onnx_arguments.h, field by field.
#include "onnx_arguments.h"

#include "../platform/cpu_limits.h"
#include "arguments.h"
#include "values.h"

namespace vitrine {
namespace {

OrtWeight ReadWeight(Napi::Value value) {
  const Napi::Object object = Object(value, "weight");
  OrtWeight weight{
      .name = String(object.Get("name"), "name"),
      .dims = {},
      .tensor = ReadTensor(object.Get("tensor"), "weight"),
      .transpose = Boolean(object.Get("transpose"), "transpose"),
      .type = OneOf<int>(object.Get("type"), "type", {{"float32", kOrtFloat}, {"float16", kOrtFloat16}, {"bfloat16", kOrtBFloat16}})};
  ForEach(object.Get("dims"), "dims", [&](Napi::Value side) { weight.dims.push_back(ReadInteger(side, "dims", 0, int64_t{1} << 40)); });
  return weight;
}

OrtPosition ReadPosition(Napi::Value value) {
  const Napi::Object object = Object(value, "position"), resize = Object(object.Get("resize"), "resize");
  const auto count = [&object](const char* field, int64_t least) { return ReadInteger(object.Get(field), field, least, 1 << 20); };
  return {.input = String(object.Get("input"), "input"),
          .table = ReadTensor(object.Get("table"), "position"),
          .dim = count("dim", 1),
          .prefix_rows = count("prefixRows", 0),
          .grid_height = count("gridHeight", 1),
          .grid_width = count("gridWidth", 1),
          .resize = {Boolean(resize.Get("antialias"), "antialias"), Boolean(resize.Get("alignCorners"), "alignCorners")},
          .patch_height = int32_t(count("patchHeight", 1)),
          .patch_width = int32_t(count("patchWidth", 1))};
}

}  // namespace

OrtSource ReadOrtSource(Napi::Value value) {
  const Napi::Object object = Object(value, "source");
  OrtSource source{};
  source.key = String(object.Get("key"), "key");
  source.library = String(object.Get("library"), "library");
  if (const Napi::Value model = object.Get("model"); model.IsString()) {
    source.file = String(model, "model");
    if (source.file.empty()) Expected(model, "model", "a path or bytes");
  } else {
    size_t length = 0;
    const auto* bytes = Elements<char>(model, napi_uint8_array, "model", &length);
    source.model.assign(bytes == nullptr ? "" : bytes, length);
  }
  if (!object.Get("files").IsUndefined()) ReadFiles(object, &source.files);
  if (const Napi::Value weights = object.Get("weights"); !weights.IsUndefined())
    ForEach(weights, "weights", [&](Napi::Value weight) { source.weights.push_back(ReadWeight(weight)); });
  if (const Napi::Value position = object.Get("position"); !position.IsUndefined()) source.position = ReadPosition(position);
  const Napi::Object provider = Object(object.Get("provider"), "provider"), options = Object(provider.Get("options"), "options");
  source.provider = String(provider.Get("name"), "provider");
  const Napi::Array names = options.GetPropertyNames();
  for (uint32_t i = 0; i < names.Length(); i++) {
    const std::string name = String(names.Get(i), "options");
    source.options.emplace_back(name, String(options.Get(name), name.c_str()));
  }
  source.threads = int(ReadInteger(object.Get("threads"), "threads", 1, kMostThreads));
  source.input = String(object.Get("input"), "input");
  source.batch = ReadInteger(object.Get("batch"), "batch", 1, 1 << 16);
  source.graph_capture = Boolean(object.Get("graphCapture"), "graphCapture");
  return source;
}

std::vector<OrtResult> ReadOrtResults(Napi::Value outputs, Napi::Value sinks, int64_t row, const Runner& runner) {
  std::vector<OrtResult> results;
  ForEach(outputs, "outputs", [&](Napi::Value item) {
    const Napi::Object object = Object(item, "output");
    const std::string name = String(object.Get("port"), "port");
    OrtResult result{};
    while (result.port < runner.outputs().size() && runner.outputs()[result.port].name != name) result.port++;
    if (result.port == runner.outputs().size()) Throw(item.Env(), "ERR_POOL_UNAVAILABLE", "the graph has no output " + name);
    const int type = runner.outputs()[result.port].type;
    if (type != kOrtFloat && type != kOrtFloat16 && type != kOrtBFloat16)
      Throw(item.Env(), "ERR_CHECKPOINT_UNSUPPORTED", "output " + name + " is of type " + OrtTypeName(type) + ", expected floating point");
    const Napi::Value terms = object.Get("terms");
    result.all = terms.IsUndefined();
    if (!result.all) ForEach(terms, "terms", [&](Napi::Value term) { result.terms.push_back(ReadTerm(term)); });
    result.normalize = Boolean(object.Get("normalize"), "normalize");
    result.row = row;
    results.push_back(std::move(result));
  });
  if (!sinks.IsArray() || sinks.As<Napi::Array>().Length() != results.size()) Expected(sinks, "sinks", "one per output");
  for (uint32_t i = 0; i < results.size(); i++) {
    size_t length = 0;
    results[i].sink = Elements<float>(sinks.As<Napi::Array>().Get(i), napi_float32_array, "sink", &length);
    results[i].sink_size = int64_t(length);
  }
  return results;
}

NormaliseTable ReadNormalise(Napi::Value value) {
  const Napi::Object object = Object(value, "normalise");
  double mean[3], std[3];
  ReadTriple(object.Get("mean"), "mean", mean);
  ReadTriple(object.Get("std"), "std", std);
  const double rescale = ReadNumber(object.Get("rescale"), "rescale");
  NormaliseTable table;
  for (int c = 0; c < 3; c++) {
    for (int v = 0; v < 256; v++) table.of[c][v] = float((v * rescale - mean[c]) / std[c]);
  }
  return table;
}

const char* OrtTypeName(int type) {
  constexpr const char* kNames[] = {"undefined", "float32", "uint8",   "int8",   "uint16", "int16",     "int32",      "int64",   "string",
                                    "bool",      "float16", "float64", "uint32", "uint64", "complex64", "complex128", "bfloat16"};
  return type >= 0 && type < int(std::size(kNames)) ? kNames[type] : "unknown";
}

Napi::Value PortToObject(Napi::Env env, const OrtPort& port) {
  Napi::Object object = Napi::Object::New(env);
  Napi::Array dims = Napi::Array::New(env, port.dims.size());
  for (uint32_t i = 0; i < port.dims.size(); i++) {
    if (port.dims[i] >= 0)
      dims[i] = double(port.dims[i]);
    else
      dims[i] = port.names[i];
  }
  object["name"] = port.name;
  object["type"] = OrtTypeName(port.type);
  object["dims"] = dims;
  return object;
}

}  // namespace vitrine
