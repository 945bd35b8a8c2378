// patch_embed.h over the register tile: a few tiles of patches are unfolded into scratch, then multiplied panel by panel, so that a
// panel is read once per group and not once per tile.

namespace vitrine::VITRINE_ISA_NAMESPACE {
namespace {

// What patches are unfolded into, and how that is multiplied; PairPatches of patch_embed_bf16.inl is the other one.
struct FloatPatches {
  using Value = float;
  using Dot = FloatDot;
  static constexpr int64_t kUnit = 1;
  static void Put(float* out, Vec x) { Store(out, x); }
  static void Put(float* out, float x) { *out = x; }
};

constexpr int64_t kUnfoldedBytes = 192 * 1024;  // a group's share of L2, beside the panel

// Row stride of scratch in values: whole cache lines, and never a multiple of 4 KiB, where all rows of a tile would fall into one L1 set.
template <class Patches>
inline int64_t UnfoldedStride(int64_t k) {
  constexpr int64_t kLine = 64 / int64_t(sizeof(typename Patches::Value));
  return RoundUp(k, kLine) + kLine;
}
template <class Patches>
inline int64_t UnfoldedRows(int64_t k) {
  const int64_t tiles = kUnfoldedBytes / (UnfoldedStride<Patches>(k) * int64_t(sizeof(typename Patches::Value)) * kTileRows);
  return (tiles < 1 ? 1 : tiles) * kTileRows;
}
template <class Patches>
int64_t PatchScratchBytes(int64_t k) {
  return UnfoldedRows<Patches>(k) * UnfoldedStride<Patches>(k) * int64_t(sizeof(typename Patches::Value));
}

inline Vec LoadPixels(const uint8_t* p) { return LoadBytes(p); }
inline Vec LoadPixels(const float* p) { return Load(p); }

// `count` values from source to out; no byte beyond them is read
template <class Patches, class Pixel>
inline void Unfold(const Pixel* source, int64_t count, typename Patches::Value* out) {
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) Patches::Put(out + i, LoadPixels(source + i));
  for (; i < count; i++) Patches::Put(out + i, float(source[i]));
}

// Patches [begin, end) are in scratch
template <class Patches>
void MultiplyPatches(const PatchEmbedCall& call, int64_t k, int64_t begin, int64_t end) {
  using Dot = typename Patches::Dot;
  alignas(64) float sums[kTileRows * kColumns];
  const int64_t stride = UnfoldedStride<Patches>(k), length = RoundUp(k, Patches::kUnit) / Patches::kUnit;
  const auto* unfolded = static_cast<const typename Patches::Value*>(call.scratch);
  for (int64_t panel = 0; panel < call.panel_count; panel++) {
    const auto* weights = static_cast<const typename Dot::Right*>(call.panels) + panel * length * kColumns;
    NextPanel<Dot> next(weights, length, end - begin);
    ForTiles(begin, end, [&](int64_t patch, int64_t rows) {
      const auto* row = reinterpret_cast<const typename Dot::Left*>(unfolded + (patch - begin) * stride);
      TileRows<Dot>(rows, row, stride / Patches::kUnit, weights, length, sums, kColumns, next.Part());
      for (int64_t r = 0; r < rows; r++) {
        for (int v = 0; v < kTileVecs; v++) {
          const int64_t column = panel * kColumns + v * kLanes;
          Vec sum = Load(sums + r * kColumns + v * kLanes);
          if (call.bias != nullptr) sum = Add(sum, Load(call.bias + column));
          if (call.position != nullptr) sum = Add(sum, Load(call.position + (patch + r) * call.ld_position + column));
          Store(call.tokens + (patch + r) * call.ldt + column, sum);
        }
      }
    });
  }
}

// A patch as runs of neighbours: run(top, left, i) → where the i-th of `runs` runs of `length` values begins
template <class Patches, class Run>
inline void EmbedPatches(const PatchEmbedCall& call, int64_t runs, int64_t length, Run&& run) {
  const int64_t k = runs * length, across = call.width / call.patch_width;
  const int64_t group = UnfoldedRows<Patches>(k), stride = UnfoldedStride<Patches>(k);
  for (int64_t begin = call.patch_begin; begin < call.patch_end; begin += group) {
    const int64_t end = begin + group < call.patch_end ? begin + group : call.patch_end;
    // Patches side by side are unfolded together, so that the image is read along its lines.
    for (int64_t first = begin, last; first < end; first = last) {
      const int64_t band = first / across, top = band * call.patch_height;
      last = (band + 1) * across < end ? (band + 1) * across : end;
      auto* rows = static_cast<typename Patches::Value*>(call.scratch) + (first - begin) * stride;
      for (int64_t i = 0; i < runs; i++) {
        const auto* source = run(top, (first - band * across) * call.patch_width, i);
        for (int64_t n = 0; n < last - first; n++) Unfold<Patches>(source + n * length, length, rows + n * stride + i * length);
      }
      for (int64_t n = 0; n < last - first; n++)
        for (int64_t i = k; i < RoundUp(k, Patches::kUnit); i++) rows[n * stride + i] = 0;
    }
    MultiplyPatches<Patches>(call, k, begin, end);
  }
}

template <class Patches>
void EmbedBytes(const PatchEmbedCall& call) {
  EmbedPatches<Patches>(call, call.patch_height, int64_t(3) * call.patch_width,
                        [&call](int64_t top, int64_t left, int64_t y) { return call.bytes + ((top + y) * call.width + left) * 3; });
}

template <class Patches>
void EmbedPlanes(const PatchEmbedCall& call) {
  EmbedPatches<Patches>(call, int64_t(3) * call.patch_height, call.patch_width, [&call](int64_t top, int64_t left, int64_t i) {
    const int64_t channel = i / call.patch_height, y = i % call.patch_height;
    return call.planes + (channel * call.height + top + y) * call.width + left;
  });
}

template <class Patches>
constexpr PatchEmbed PatchEmbedOf(Number input) {
  return {
      .input = input, .scratch_bytes = PatchScratchBytes<Patches>, .from_bytes = EmbedBytes<Patches>, .from_planes = EmbedPlanes<Patches>};
}

[[maybe_unused]] constexpr PatchEmbed kPatchEmbed = PatchEmbedOf<FloatPatches>(Number::kF32);

}  // namespace
}  // namespace vitrine::VITRINE_ISA_NAMESPACE
