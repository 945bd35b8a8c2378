// Picks the kernels of this process. Before it: platform/cpu_features.h and isa_list.h; after it: the engine, through ActiveIsa.
#include "dispatch.h"

#include <cstdlib>
#include <utility>

#include "../platform/cpu_features.h"
#include "self_test.h"

// isa_list.h names an architecture in each line; those of another one vanish here, as they do in CMakeLists.txt.
#define VITRINE_ON_any(...) __VA_ARGS__
#if defined(__x86_64__) || defined(_M_X64)
#define VITRINE_ON_x86_64(...) __VA_ARGS__
#else
#define VITRINE_ON_x86_64(...)
#endif
#if defined(__aarch64__) || defined(_M_ARM64)
#define VITRINE_ON_arm64(...) __VA_ARGS__
#else
#define VITRINE_ON_arm64(...)
#endif

// Each ISA's one exported symbol, defined in its table.cc.
namespace vitrine::reference {
extern const Kernels kTable;
}
#define VITRINE_ISA(isa, arch, bits, flags) VITRINE_ON_##arch(namespace vitrine::isa { extern const Kernels kTable; })
#include "isa_list.h"
#undef VITRINE_ISA

namespace vitrine {
namespace {

#define VITRINE_ISA(isa, arch, bits, flags) VITRINE_ON_##arch({#isa, bits, &isa::kTable}, )
constexpr IsaSource kSources[] = {
    {"reference", 0, &reference::kTable},
#include "isa_list.h"
};
#undef VITRINE_ISA

// Lays the filled slots of `over` on `under`. A slot is one struct: it is replaced as a whole.
Kernels Overlay(Kernels under, const Kernels& over) {
  if (over.resample.horizontal != nullptr) under.resample = over.resample;
  if (over.patch_embed.from_bytes != nullptr) under.patch_embed = over.patch_embed;
  if (over.patch_embed_bf16.from_bytes != nullptr) under.patch_embed_bf16 = over.patch_embed_bf16;
  if (over.layer_norm != nullptr) under.layer_norm = over.layer_norm;
  if (over.gemm.run != nullptr) under.gemm = over.gemm;
  if (over.gemm_bf16.run != nullptr) under.gemm_bf16 = over.gemm_bf16;
  if (over.gemm_int8.run != nullptr) under.gemm_int8 = over.gemm_int8;
  if (over.attention.run != nullptr) under.attention = over.attention;
  if (over.attention_bf16.run != nullptr) under.attention_bf16 = over.attention_bf16;
  if (over.attention_int16.run != nullptr) under.attention_int16 = over.attention_int16;
  if (over.class_attention.run != nullptr) under.class_attention = over.class_attention;
  if (over.quantize != nullptr) under.quantize = over.quantize;
  if (over.quantize_weights != nullptr) under.quantize_weights = over.quantize_weights;
  if (over.activate != nullptr) under.activate = over.activate;
  return under;
}

struct Choice {
  const IsaEntry* isa = nullptr;
  Status status;
};

Choice Choose() {
  const std::vector<IsaEntry>& isas = AllIsas();
  const char* wanted = std::getenv("VITRINE_ISA");
  const std::string name = wanted != nullptr ? wanted : "";
  std::string valid, what = "is not an instruction set that this binary knows";
  const IsaEntry* strongest = nullptr;
  for (const IsaEntry& isa : isas) {
    if (isa.supported) {
      valid += (valid.empty() ? "" : ", ") + std::string(isa.name);
      strongest = &isa;
      if (name == isa.name) return {&isa, Status::Ok()};
    } else if (name == isa.name) {
      what = isa.fault.empty() ? "needs instructions that this machine lacks" : "fails its self-test here: " + isa.fault;
    }
  }
  if (name.empty()) return {strongest, Status::Ok()};
  return {nullptr, Status::Error("ERR_ISA_UNSUPPORTED", "VITRINE_ISA=" + name + " " + what + "; valid here: " + valid)};
}

}  // namespace

std::vector<IsaEntry> LayIsas(std::span<const IsaSource> sources, uint64_t features) {
  std::vector<IsaEntry> isas;
  Kernels below{};
  for (const IsaSource& source : sources) {
    IsaEntry isa = {source.name, (source.needs & ~features) == 0, nullptr, {}};
    if (isa.supported && source.table->gemm_int8.run != nullptr) isa.fault = FaultOfByteGemm(source.table->gemm_int8);
    isa.supported = isa.supported && isa.fault.empty();
    const Kernels kernels = Overlay(below, *source.table);
    if (isa.supported) below = kernels;
    isa.kernels = new Kernels(kernels);
    isas.push_back(std::move(isa));
  }
  return isas;
}

// Allocated once and never freed: threads may still compute while static destructors run.
const std::vector<IsaEntry>& AllIsas() {
  static const auto* isas = new std::vector<IsaEntry>(LayIsas(kSources, CpuFeatures()));
  return *isas;
}

Status ActiveIsa(const IsaEntry** isa) {
  static const Choice* choice = new Choice(Choose());
  *isa = choice->isa;
  return choice->status;
}

}  // namespace vitrine
