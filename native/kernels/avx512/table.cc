// Slots of this ISA, none yet: dispatch.cc fills them from the one below.
#include "../kernels.h"

namespace vitrine::VITRINE_ISA_NAMESPACE {

extern const Kernels kTable;
const Kernels kTable = {};

}  // namespace vitrine::VITRINE_ISA_NAMESPACE
