// ISAs of the test-only addon alone: tables of native/kernels with an instruction replaced (stand_in.cc), laid as dispatch.cc lays its own.
#pragma once

#include <vector>

#include "kernels/dispatch.h"

namespace vitrine::test {

// reference, avx2, then avx_vnni_stand_in and avx_vnni_saturating; nothing where this build or this CPU has no AVX2.
const std::vector<IsaEntry>& StandIns();

}  // namespace vitrine::test
