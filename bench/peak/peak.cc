// The arithmetic peak of this machine in fp32: independent chains of multiply-adds that stay in registers, in every vector width the
// compiler knows here; the best counts. Compiled on the spot with -march=native. Usage: peak THREADS → one line of JSON.
// Rates are per second of the thread's own CPU time: on a busy machine wall time would give a low peak, and flatter every share of it.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <thread>
#include <vector>

namespace {

constexpr int kRuns = 2;
constexpr double kSecondsPerRun = 0.05;
constexpr int kSteps = 4096;

// Sixteen chains would not fit beside their operands in 16 registers; ten cover latency × throughput of every CPU we know.
constexpr int kChains = 10;
#define CHAINS(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9)

typedef float F32x4 __attribute__((vector_size(16)));
typedef float F32x8 __attribute__((vector_size(32)));
typedef float F32x16 __attribute__((vector_size(64)));

// kSteps multiply-adds in each chain. The values tend to 1, so none becomes a denormal or infinite.
template <class Vec>
float Run(float seed) {
  const Vec factor = Vec{} + 0.5f, addend = Vec{} + 0.5f;
#define DECLARE(c) Vec chain##c = Vec{} + (seed + c);
#define STEP(c) chain##c = chain##c * factor + addend;
#define SUM(c) total += chain##c[0];
  CHAINS(DECLARE)
  for (int step = 0; step < kSteps; step++) { CHAINS(STEP) }
  float total = 0;
  CHAINS(SUM)
#undef DECLARE
#undef STEP
#undef SUM
  return total;
}

volatile float sink;

// Seconds that the calling thread has computed; wall time where the system does not say.
double ThreadSeconds() {
#ifdef CLOCK_THREAD_CPUTIME_ID
  timespec now;
  if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now) == 0) return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
#endif
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// GFLOP/s of `threads` threads together, the best of kRuns.
template <class Vec>
double Measure(int threads) {
  constexpr double kFlops = 2.0 * kChains * (sizeof(Vec) / sizeof(float)) * kSteps;
  double best = 0;
  for (int run = 0; run < kRuns; run++) {
    std::vector<double> rates(threads);
    std::vector<std::thread> pool;
    for (int t = 0; t < threads; t++) {
      pool.emplace_back([&rates, t] {
        const double start = ThreadSeconds();
        double seconds = 0, flops = 0;
        while (seconds < kSecondsPerRun) {
          for (int i = 0; i < 16; i++) sink = Run<Vec>(static_cast<float>(t + i));
          flops += 16 * kFlops;
          seconds = ThreadSeconds() - start;
        }
        rates[t] = flops / seconds / 1e9;
      });
    }
    for (auto& thread : pool) thread.join();
    double sum = 0;
    for (const double rate : rates) sum += rate;
    best = std::max(best, sum);
  }
  return best;
}

}  // namespace

int main(int argc, char** argv) {
  const int threads = argc > 1 ? std::atoi(argv[1]) : 1;
  double best = Measure<F32x4>(threads);
#ifdef __AVX__
  best = std::max(best, Measure<F32x8>(threads));
#endif
#ifdef __AVX512F__
  best = std::max(best, Measure<F32x16>(threads));
#endif
  // More threads than cores share them.
  const unsigned cores = std::thread::hardware_concurrency();
  if (cores > 0 && threads > static_cast<int>(cores)) best *= static_cast<double>(cores) / threads;
  std::printf("{\"gflops\":%.1f,\"cpuSeconds\":%.3f}\n", best, static_cast<double>(std::clock()) / CLOCKS_PER_SEC);
}
