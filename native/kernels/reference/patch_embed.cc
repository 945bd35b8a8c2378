// patch_embed.h: each patch gathered into scratch, then one sum in double per token element.
#include "numbers.h"
#include "reference.h"

namespace vitrine::reference {
namespace {

int64_t ScratchBytes(int64_t k) { return (k + 15) / 16 * 64; }

void Embed(const PatchEmbedCall& call, Number number) {
  const int64_t k = int64_t(3) * call.patch_height * call.patch_width;
  for (int64_t n = call.patch_begin; n < call.patch_end; n++) {
    for (int64_t column = 0; column < call.panel_count * kColumns; column++) {
      const int64_t at = column / kColumns * k * kColumns + column % kColumns;
      double sum = 0;
      for (int64_t i = 0; i < k; i++) sum += ValueAt(call.scratch, number, i) * ValueAt(call.panels, number, at + i * kColumns);
      if (call.bias != nullptr) sum += call.bias[column];
      if (call.position != nullptr) sum += call.position[n * call.ld_position + column];
      call.tokens[n * call.ldt + column] = float(sum);
    }
  }
}

// pixel(channel, y, x) → scratch in the order `index` says, for one patch after another
template <class Pixel, class Index>
void EmbedEach(const PatchEmbedCall& call, Number number, Pixel pixel, Index index) {
  const int64_t across = call.width / call.patch_width;
  for (int64_t n = call.patch_begin; n < call.patch_end; n++) {
    const int64_t top = n / across * call.patch_height, left = n % across * call.patch_width;
    for (int64_t c = 0; c < 3; c++)
      for (int64_t y = 0; y < call.patch_height; y++)
        for (int64_t x = 0; x < call.patch_width; x++) PutValue(call.scratch, number, index(c, y, x), double(pixel(c, top + y, left + x)));
    PatchEmbedCall one = call;
    one.patch_begin = n;
    one.patch_end = n + 1;
    Embed(one, number);
  }
}

template <Number number>
void FromBytes(const PatchEmbedCall& call) {
  EmbedEach(
      call, number, [&](int64_t c, int64_t y, int64_t x) { return float(call.bytes[(y * call.width + x) * 3 + c]); },
      [&](int64_t c, int64_t y, int64_t x) { return (y * call.patch_width + x) * 3 + c; });
}

template <Number number>
void FromPlanes(const PatchEmbedCall& call) {
  EmbedEach(
      call, number, [&](int64_t c, int64_t y, int64_t x) { return call.planes[(c * call.height + y) * call.width + x]; },
      [&](int64_t c, int64_t y, int64_t x) { return (c * call.patch_height + y) * call.patch_width + x; });
}

}  // namespace

const PatchEmbed kPatchEmbed = {
    .input = Number::kF32, .scratch_bytes = ScratchBytes, .from_bytes = FromBytes<Number::kF32>, .from_planes = FromPlanes<Number::kF32>};
const PatchEmbed kPatchEmbedBf16 = {.input = Number::kBf16,
                                    .scratch_bytes = ScratchBytes,
                                    .from_bytes = FromBytes<Number::kBf16>,
                                    .from_planes = FromPlanes<Number::kBf16>};

}  // namespace vitrine::reference
