// What the products of this machine reach at best, for `vitrine bench --profile`. Before it: binding/introspection.h; after it:
// kernels/gemm.h.
#pragma once

#include "../kernels/kernels.h"

namespace vitrine {

// 10⁹ multiplications and additions per second of one thread, by the register tile on operands in L1: the difference of a long product and
// one half as long, so that neither epilogue nor call counts. Takes some 20 ms. 0 where there is no memory.
double PeakOf(const Gemm& gemm);

}  // namespace vitrine
