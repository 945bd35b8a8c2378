// The list behind stand_ins.h.
#include "stand_ins.h"

#include "platform/cpu_features.h"

#ifdef VITRINE_STAND_INS
namespace vitrine::reference {
extern const Kernels kTable;
}
namespace vitrine::avx2 {
extern const Kernels kTable;
}
namespace vitrine::avx_vnni_stand_in {
extern const Kernels kTable;
}
namespace vitrine::avx_vnni_saturating {
extern const Kernels kTable;
}
#endif

namespace vitrine::test {

const std::vector<IsaEntry>& StandIns() {
#ifdef VITRINE_STAND_INS
  static const IsaSource sources[] = {{"reference", 0, &reference::kTable},
                                      {"avx2", kCpuAvx2 | kCpuFma, &avx2::kTable},
                                      {"avx_vnni_stand_in", kCpuAvx2 | kCpuFma, &avx_vnni_stand_in::kTable},
                                      {"avx_vnni_saturating", kCpuAvx2 | kCpuFma, &avx_vnni_saturating::kTable}};
  static const auto* isas = new std::vector<IsaEntry>(LayIsas(sources, CpuFeatures()));
#else
  static const auto* isas = new std::vector<IsaEntry>;
#endif
  return *isas;
}

}  // namespace vitrine::test
