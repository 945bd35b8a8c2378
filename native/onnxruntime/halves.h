// fp32 → the 16-bit types of graphs, rounded to nearest, ties to even. The way back is in engine/tensor_reader.h.
#pragma once

#include <cstdint>

namespace vitrine {

// Too large: infinity. NaN stays NaN.
void NarrowF16(const float* in, uint16_t* out, int64_t count);
void NarrowBF16(const float* in, uint16_t* out, int64_t count);

}  // namespace vitrine
