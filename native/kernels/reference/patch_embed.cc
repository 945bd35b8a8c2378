// patch_embed.h: each patch gathered into scratch, then one sum in double per token element.
#include "reference.h"

namespace vitrine::reference {
namespace {

int64_t ScratchFloats(int64_t k) { return (k + 15) / 16 * 16; }

void Embed(const PatchEmbedCall& call) {
  const int64_t k = int64_t(3) * call.patch_height * call.patch_width;
  for (int64_t n = call.patch_begin; n < call.patch_end; n++) {
    for (int64_t column = 0; column < call.panel_count * kColumns; column++) {
      const float* panel = call.panels + column / kColumns * k * kColumns + column % kColumns;
      double sum = 0;
      for (int64_t i = 0; i < k; i++) sum += double(call.scratch[i]) * double(panel[i * kColumns]);
      if (call.bias != nullptr) sum += call.bias[column];
      if (call.position != nullptr) sum += call.position[n * call.ld_position + column];
      call.tokens[n * call.ldt + column] = float(sum);
    }
  }
}

// pixel(channel, y, x) → scratch in the order `index` says, for one patch after another
template <class Pixel, class Index>
void EmbedEach(const PatchEmbedCall& call, Pixel pixel, Index index) {
  const int64_t across = call.width / call.patch_width;
  for (int64_t n = call.patch_begin; n < call.patch_end; n++) {
    const int64_t top = n / across * call.patch_height, left = n % across * call.patch_width;
    for (int64_t c = 0; c < 3; c++)
      for (int64_t y = 0; y < call.patch_height; y++)
        for (int64_t x = 0; x < call.patch_width; x++) call.scratch[index(c, y, x)] = pixel(c, top + y, left + x);
    PatchEmbedCall one = call;
    one.patch_begin = n;
    one.patch_end = n + 1;
    Embed(one);
  }
}

void FromBytes(const PatchEmbedCall& call) {
  EmbedEach(
      call, [&](int64_t c, int64_t y, int64_t x) { return float(call.bytes[(y * call.width + x) * 3 + c]); },
      [&](int64_t c, int64_t y, int64_t x) { return (y * call.patch_width + x) * 3 + c; });
}

void FromPlanes(const PatchEmbedCall& call) {
  EmbedEach(
      call, [&](int64_t c, int64_t y, int64_t x) { return call.planes[(c * call.height + y) * call.width + x]; },
      [&](int64_t c, int64_t y, int64_t x) { return (c * call.patch_height + y) * call.patch_width + x; });
}

}  // namespace

const PatchEmbed kPatchEmbed = {.scratch_floats = ScratchFloats, .from_bytes = FromBytes, .from_planes = FromPlanes};

}  // namespace vitrine::reference
