// One resize, timed: the engine's own, on one thread, with the instruction set that VITRINE_ISA names or the best. Built by CMakeLists.txt
// as vitrine_bench_resample. A picture of its own for every call: coefficients are computed and memory is taken each time, as by Pillow.
// Usage: IN.rgb WIDTH HEIGHT OUT_WIDTH OUT_HEIGHT OUT.rgb MILLISECONDS → the resized picture in OUT.rgb and one line of JSON: instruction
// set, least milliseconds of a call, calls, and CPU seconds. Before it: ../resample.mjs.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <vector>

#include "engine/picture.h"
#include "kernels/dispatch.h"

namespace {

int Fail(const char* what, const char* why) {
  std::fprintf(stderr, "%s: %s\n", what, why);
  return 1;
}

double Milliseconds() { return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

}  // namespace

int main(int argc, char** argv) {
  using namespace vitrine;
  if (argc != 8) return Fail("usage", "IN.rgb WIDTH HEIGHT OUT_WIDTH OUT_HEIGHT OUT.rgb MILLISECONDS");
  const int32_t width = std::atoi(argv[2]), height = std::atoi(argv[3]), out_width = std::atoi(argv[4]), out_height = std::atoi(argv[5]);
  if (width < 1 || height < 1 || out_width < 1 || out_height < 1) return Fail("usage", "sizes are from 1");
  std::vector<uint8_t> picture(size_t(width) * size_t(height) * 3), out(size_t(out_width) * size_t(out_height) * 3);
  std::FILE* file = std::fopen(argv[1], "rb");
  if (file == nullptr || std::fread(picture.data(), 1, picture.size(), file) != picture.size())
    return Fail(argv[1], "cannot be read, or is too short");
  std::fclose(file);

  const IsaEntry* isa;
  if (const Status status = ActiveIsa(&isa); !status.ok()) return Fail(status.code.c_str(), status.message.c_str());
  const PictureView view{picture.data(), int64_t(picture.size()), width, height, PixelLayout::kRgb};
  Geometry geometry{};
  geometry.resize_width = geometry.crop_width = out_width;
  geometry.resize_height = geometry.crop_height = out_height;
  geometry.filter = ResizeFilter::kBicubic;
  geometry.coefficients = ResizeCoefficients::kPillow;

  double best = 1e300;
  int calls = 0;
  for (const double end = Milliseconds() + std::atof(argv[7]); calls < 3 || Milliseconds() < end; calls++) {
    const double start = Milliseconds();
    PictureScratch scratch;
    Team team;
    if (const Status status = CropPicture(*isa->kernels, view, geometry, scratch, team, out.data(), int64_t(out.size())); !status.ok()) {
      return Fail(status.code.c_str(), status.message.c_str());
    }
    best = std::min(best, Milliseconds() - start);
  }

  file = std::fopen(argv[6], "wb");
  if (file == nullptr || std::fwrite(out.data(), 1, out.size(), file) != out.size() || std::fclose(file) != 0) {
    return Fail(argv[6], "cannot be written");
  }
  std::printf("{\"isa\":\"%s\",\"ms\":%.4f,\"calls\":%d,\"cpuSeconds\":%.3f}\n", isa->name, best, calls,
              static_cast<double>(std::clock()) / CLOCKS_PER_SEC);
}
