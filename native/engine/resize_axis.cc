// Every expression here is written as the references write it, in double and in their order: a bit more or less moves pixels.
#include "resize_axis.h"

#include <algorithm>
#include <cmath>

namespace vitrine {
namespace {

constexpr double kPi = 3.14159265358979323846;

double Box(double x) { return x > -0.5 && x <= 0.5 ? 1.0 : 0.0; }

double Bilinear(double x) {
  x = std::fabs(x);
  return x < 1.0 ? 1.0 - x : 0.0;
}

double Hamming(double x) {
  x = std::fabs(x);
  if (x == 0.0) return 1.0;
  if (x >= 1.0) return 0.0;
  x = x * kPi;
  return std::sin(x) / x * (0.54f + 0.46f * std::cos(x));  // Pillow's constants are floats
}

double Bicubic(double x) {
  constexpr double a = -0.5;
  x = std::fabs(x);
  if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
  if (x < 2.0) return (((x - 5) * x + 8) * x - 4) * a;
  return 0.0;
}

double Sinc(double x) {
  if (x == 0.0) return 1.0;
  x = x * kPi;
  return std::sin(x) / x;
}

double Lanczos(double x) { return -3.0 <= x && x < 3.0 ? Sinc(x) * Sinc(x / 3) : 0.0; }

struct FilterShape {
  double (*weight)(double x);
  double support;
};

FilterShape ShapeOf(ResizeFilter filter) {
  switch (filter) {
    case ResizeFilter::kBox:
      return {Box, 0.5};
    case ResizeFilter::kBilinear:
      return {Bilinear, 1.0};
    case ResizeFilter::kHamming:
      return {Hamming, 1.0};
    case ResizeFilter::kLanczos:
      return {Lanczos, 3.0};
    default:
      return {Bicubic, 2.0};
  }
}

// One edge: where output i looks, and with what weights.
class Edge {
 public:
  Edge(ResizeFilter filter, int32_t in, int32_t out) : shape_(ShapeOf(filter)), in_(in) {
    scale_ = double(in) / out;
    const double filter_scale = scale_ < 1.0 ? 1.0 : scale_;
    support_ = shape_.support * filter_scale;
    inverse_ = 1.0 / filter_scale;
  }

  int32_t taps() const { return int32_t(std::ceil(support_)) * 2 + 1; }

  // weights[0 … length) of output i, normalised; returns the length, at least 1.
  int32_t Weights(int32_t i, int32_t* first, double* weights) const {
    const double center = (i + 0.5) * scale_;
    const int32_t begin = std::max(int32_t(center - support_ + 0.5), 0);
    const int32_t length = std::min(int32_t(center + support_ + 0.5), in_) - begin;
    double total = 0.0;
    for (int32_t j = 0; j < length; j++) {
      weights[j] = shape_.weight((j + begin - center + 0.5) * inverse_);
      total += weights[j];
    }
    if (total != 0.0) {
      for (int32_t j = 0; j < length; j++) weights[j] /= total;
    }
    *first = begin;
    return length;
  }

 private:
  FilterShape shape_;
  int32_t in_;
  double scale_, support_, inverse_;
};

int32_t ToFixed(double weight, int32_t bits) {
  const double scaled = weight * (1 << bits);
  return scaled < 0 ? int32_t(-0.5 + scaled) : int32_t(0.5 + scaled);
}

// torchvision: as many bits as let the axis's largest weight stay an int16. Every output counts, shown or not.
int32_t TorchvisionBits(const Edge& edge, int32_t out, double* weights) {
  double largest = 0.0;
  for (int32_t i = 0; i < out; i++) {
    int32_t first;
    const int32_t length = edge.Weights(i, &first, weights);
    for (int32_t j = 0; j < length; j++) largest = std::max(largest, weights[j]);
  }
  int32_t bits = 0;
  while (bits < 22 && int32_t(0.5 + largest * (1 << (bits + 1))) < (1 << 15)) bits++;
  return bits;
}

// Pillow adds up the step, rounding errors and all, and truncates; one coefficient of 1.
void NearestRows(const Resample& kernel, int32_t in, int32_t out, int32_t begin, int32_t end, int32_t* first, int32_t* length,
                 uint8_t* packed) {
  const int32_t one = 1 << 22;
  const double scale = double(in) / out;
  double at = scale * 0.5;
  for (int32_t i = 0; i < end; i++, at += scale) {
    if (i < begin) continue;
    first[i - begin] = std::min(int32_t(at), in - 1);
    length[i - begin] = 1;
    kernel.pack_row(&one, 1, 1, packed + (i - begin) * kernel.row_bytes(1));
  }
}

}  // namespace

const ResizeEdge* ResizeEdgeCache::Get(const ResizeRequest& request) {
  if (!filled_ || !(request == request_)) {
    arena_.Reset();
    filled_ = Make(request);
    request_ = request;
  }
  return filled_ ? &edge_ : nullptr;
}

bool ResizeEdgeCache::Make(const ResizeRequest& request) {
  const auto& [kernel_pointer, filter, coefficients, in, out, begin, end] = request;
  const Resample& kernel = *kernel_pointer;
  const int32_t outputs = end - begin;
  if (in == out) {
    edge_ = {.resized = false, .origin = begin, .span = outputs, .axis = {}};
    return true;
  }
  const bool nearest = filter == ResizeFilter::kNearest;
  const Edge edge(filter, in, out);
  const int32_t taps = nearest ? 1 : std::min(edge.taps(), in);
  const int64_t row_bytes = kernel.row_bytes(taps);
  int32_t* first = arena_.Array<int32_t>(outputs);
  int32_t* length = arena_.Array<int32_t>(outputs);
  uint8_t* packed = arena_.Array<uint8_t>(outputs * row_bytes);
  double* weights = arena_.Array<double>(taps);
  int32_t* fixed = arena_.Array<int32_t>(taps);
  if (first == nullptr || length == nullptr || packed == nullptr || weights == nullptr || fixed == nullptr) return false;

  int32_t bits = 22;
  if (nearest) {
    NearestRows(kernel, in, out, begin, end, first, length, packed);
  } else {
    if (coefficients == ResizeCoefficients::kTorchvision) bits = TorchvisionBits(edge, out, weights);
    for (int32_t i = 0; i < outputs; i++) {
      length[i] = edge.Weights(begin + i, &first[i], weights);
      for (int32_t j = 0; j < length[i]; j++) fixed[j] = ToFixed(weights[j], bits);
      kernel.pack_row(fixed, length[i], taps, packed + i * row_bytes);
    }
  }
  const int32_t origin = first[0], span = first[outputs - 1] + length[outputs - 1] - origin;
  for (int32_t i = 0; i < outputs; i++) first[i] -= origin;
  edge_ = {.resized = true,
           .origin = origin,
           .span = span,
           .axis = {.first = first, .length = length, .packed = packed, .outputs = outputs, .taps = taps, .bits = bits}};
  return true;
}

}  // namespace vitrine
