// The arithmetic peaks of this machine: independent chains of multiply-adds that stay in registers, of fp32, of fp32 with AVX2 alone, of
// bf16 dots and of int8 dots, with every instruction that this CPU has for them; the best counts. Compiled on the spot.
// Usage: peak THREADS → one line of JSON: GFLOP/s (GOP/s) by precision, absent where the CPU has no instruction for it, which instruction
// gave it, and the CPU time all this took. Two operations per multiply-add.
// Rates are per second of the thread's own CPU time: on a busy machine wall time would give a low peak, and flatter every share of it.
// Before it: peak.mjs.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string>
#include <thread>
#include <vector>

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace {

constexpr int kRuns = 2;
constexpr double kSecondsPerRun = 0.04;
constexpr int kSteps = 4096;

// Sixteen chains would not fit beside their operands in 16 registers. Fewer than latency × throughput give a low peak: with ten, Zen 5's
// bf16 dots reach 5/6 of theirs.
constexpr int kChains = 14;
#define CHAINS(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13)

// kSteps steps of each chain, from values that depend on `seed`, so that no run can be left out; → something of all of them. Values tend
// to a limit or grow slowly: none becomes denormal or infinite.
using Chains = float (*)(float seed);

#define DECLARE(c) auto chain##c = start(seed + c);
#define SUM(c) total += static_cast<float>(chain##c[0]);
#define RUN(STEP)                                            \
  CHAINS(DECLARE)                                            \
  for (int step = 0; step < kSteps; step++) { CHAINS(STEP) } \
  float total = 0;                                           \
  CHAINS(SUM)                                                \
  return total;

typedef float F32x4 __attribute__((vector_size(16)));

// Four lanes: the baseline of every CPU. The compiler fuses where the baseline has a fused instruction.
float Fp32Baseline(float seed) {
  const F32x4 half = F32x4{} + 0.5f;
  const auto start = [](float x) { return F32x4{} + x; };
#define STEP(c) chain##c = chain##c * half + half;
  RUN(STEP)
#undef STEP
}

#if defined(__x86_64__)
// A lambda does not inherit a function's instruction set: a macro stands for it.
#define start(x) _mm256_set1_ps(x)
__attribute__((target("avx2,fma"))) float Fp32Avx2(float seed) {
  const __m256 half = _mm256_set1_ps(0.5f);
#define STEP(c) chain##c = _mm256_fmadd_ps(chain##c, half, half);
  RUN(STEP)
#undef STEP
}
#undef start

#define start(x) _mm512_set1_ps(x)
__attribute__((target("avx512f"))) float Fp32Avx512(float seed) {
  const __m512 half = _mm512_set1_ps(0.5f);
#define STEP(c) chain##c = _mm512_fmadd_ps(chain##c, half, half);
  RUN(STEP)
#undef STEP
}
__attribute__((target("avx512f,avx512bf16"))) float Bf16Avx512(float seed) {
  const __m512bh ones = (__m512bh)_mm512_set1_epi32(0x3f803f80);
#define STEP(c) chain##c = _mm512_dpbf16_ps(chain##c, ones, ones);
  RUN(STEP)
#undef STEP
}
#undef start

#define start(x) _mm512_set1_epi32(int(x))
__attribute__((target("avx512f,avx512vnni"))) float Int8Avx512Vnni(float seed) {
  const __m512i ones = _mm512_set1_epi32(0x01010101);
#define STEP(c) chain##c = _mm512_dpbusd_epi32(chain##c, ones, ones);
  RUN(STEP)
#undef STEP
}
#undef start

#define start(x) _mm256_set1_epi32(int(x))
#if defined(__clang__) || __GNUC__ >= 11
#define HAVE_AVXVNNI_INTRINSICS
__attribute__((target("avx2,avxvnni"))) float Int8AvxVnni(float seed) {
  const __m256i ones = _mm256_set1_epi32(0x01010101);
#define STEP(c) chain##c = _mm256_dpbusd_avx_epi32(chain##c, ones, ones);
  RUN(STEP)
#undef STEP
}
#endif
// Three instructions for what VNNI does in one. The empty asm makes each step's operand a new one, or the products would be shared. Seven
// chains, two steps of each, as fourteen would not fit beside the operands; a step takes its chain one cycle.
__attribute__((target("avx2"))) float Int8Avx2(float seed) {
  const __m256i ones = _mm256_set1_epi8(1), pairs = _mm256_set1_epi16(1);
  __m256i x = ones;
#define STEP(c)      \
  asm("" : "+x"(x)); \
  chain##c = _mm256_add_epi32(chain##c, _mm256_madd_epi16(_mm256_maddubs_epi16(x, ones), pairs));
#define SEVEN(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6)
  SEVEN(DECLARE)
  for (int step = 0; step < kSteps; step++) { SEVEN(STEP) SEVEN(STEP) }
  float total = 0;
  SEVEN(SUM)
  return total;
#undef SEVEN
#undef STEP
}
#undef start

// Leaf 7, subleaf 1, EAX bit 4; older compilers cannot name it.
bool HasAvxVnni() {
  unsigned a, b, c, d;
  return __builtin_cpu_supports("avx2") && __get_cpuid_count(7, 1, &a, &b, &c, &d) != 0 && (a >> 4 & 1) != 0;
}
#elif defined(__aarch64__)
#ifdef __ARM_FEATURE_BF16_VECTOR_ARITHMETIC
float Bf16Dot(float seed) {
  const bfloat16x8_t ones = vreinterpretq_bf16_u32(vdupq_n_u32(0x3f803f80));
  const auto start = [](float x) { return vdupq_n_f32(x); };
#define STEP(c) chain##c = vbfdotq_f32(chain##c, ones, ones);
  RUN(STEP)
#undef STEP
}
#endif
#ifdef __ARM_FEATURE_DOTPROD
float Int8Dot(float seed) {
  const int8x16_t ones = vdupq_n_s8(1);
  const auto start = [](float x) { return vdupq_n_s32(int(x)); };
#define STEP(c) chain##c = vdotq_s32(chain##c, ones, ones);
  RUN(STEP)
#undef STEP
}
#endif
#endif

volatile float sink;

// Seconds that the calling thread has computed; wall time where the system does not say.
double ThreadSeconds() {
#ifdef CLOCK_THREAD_CPUTIME_ID
  timespec now;
  if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now) == 0) return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
#endif
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// 10⁹ operations a second of `threads` threads together, the best of kRuns; `operations` are those of one step of one chain.
double Measure(Chains chains, int operations, int threads) {
  double best = 0;
  for (int run = 0; run < kRuns; run++) {
    std::vector<double> rates(threads);
    std::vector<std::thread> pool;
    for (int t = 0; t < threads; t++) {
      pool.emplace_back([&rates, t, chains, operations] {
        const double start = ThreadSeconds();
        double seconds = 0, done = 0;
        while (seconds < kSecondsPerRun) {
          for (int i = 0; i < 16; i++) sink = chains(static_cast<float>(t + i));
          done += 16.0 * kChains * kSteps * operations;
          seconds = ThreadSeconds() - start;
        }
        rates[t] = done / seconds / 1e9;
      });
    }
    for (auto& thread : pool) thread.join();
    double sum = 0;
    for (const double rate : rates) sum += rate;
    best = std::max(best, sum);
  }
  // More threads than cores share them.
  const unsigned cores = std::thread::hardware_concurrency();
  return cores > 0 && threads > static_cast<int>(cores) ? best * static_cast<double>(cores) / threads : best;
}

struct Variant {
  const char *precision, *instruction;
  Chains chains;
  int operations;
  bool here;
};

std::vector<Variant> Variants() {
  std::vector<Variant> all = {{"fp32", "four lanes", Fp32Baseline, 8, true}};
#if defined(__x86_64__)
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2"), fma = __builtin_cpu_supports("fma"), avx512 = __builtin_cpu_supports("avx512f");
  all.push_back({"fp32", "AVX2", Fp32Avx2, 16, avx2 && fma});
  all.push_back({"fp32-avx2", "AVX2", Fp32Avx2, 16, avx2 && fma});
  all.push_back({"fp32", "AVX-512", Fp32Avx512, 32, avx512});
  all.push_back({"bf16", "VDPBF16PS", Bf16Avx512, 64, avx512 && __builtin_cpu_supports("avx512bf16")});
  all.push_back({"int8", "VPMADDUBSW", Int8Avx2, 64, avx2});
#ifdef HAVE_AVXVNNI_INTRINSICS
  all.push_back({"int8", "VPDPBUSD (AVX-VNNI)", Int8AvxVnni, 64, HasAvxVnni()});
#endif
  all.push_back({"int8", "VPDPBUSD", Int8Avx512Vnni, 128, avx512 && __builtin_cpu_supports("avx512vnni")});
#elif defined(__aarch64__)
#ifdef __ARM_FEATURE_BF16_VECTOR_ARITHMETIC
  all.push_back({"bf16", "BFDOT", Bf16Dot, 16, true});
#endif
#ifdef __ARM_FEATURE_DOTPROD
  all.push_back({"int8", "SDOT", Int8Dot, 32, true});
#endif
#endif
  return all;
}

}  // namespace

int main(int argc, char** argv) {
  const int threads = std::max(1, argc > 1 ? std::atoi(argv[1]) : 1);
  const std::vector<Variant> variants = Variants();
  std::string gops, by;
  for (const char* precision : {"fp32", "fp32-avx2", "bf16", "int8"}) {
    double best = 0;
    const char* instruction = "";
    for (const Variant& variant : variants) {
      if (!variant.here || std::strcmp(variant.precision, precision) != 0) continue;
      const double rate = Measure(variant.chains, variant.operations, threads);
      if (rate > best) best = rate, instruction = variant.instruction;
    }
    if (best == 0) continue;
    char text[64];
    std::snprintf(text, sizeof text, "%s\"%s\":%.1f", gops.empty() ? "" : ",", precision, best);
    gops += text;
    std::snprintf(text, sizeof text, "%s\"%s\":\"%s\"", by.empty() ? "" : ",", precision, instruction);
    by += text;
  }
  std::printf("{\"gops\":{%s},\"by\":{%s},\"cpuSeconds\":%.3f}\n", gops.c_str(), by.c_str(),
              static_cast<double>(std::clock()) / CLOCKS_PER_SEC);
}
