// One line per instruction set, weakest first: VITRINE_ISA(folder, architecture, required CpuFeature bits, compiler flags).
// CMake reads this file for the folder, the architecture and the flags; dispatch.cc for the order and the bits; the kernel tests,
// the benchmarks and `model.info` through dispatch.h. `any` is compiled for every architecture. See README.md, "add an ISA".
VITRINE_ISA(portable, any, 0, "")
VITRINE_ISA(sse2, x86_64, kCpuSse2, "-msse2")
VITRINE_ISA(avx2, x86_64, kCpuAvx2 | kCpuFma, "-mavx2 -mfma")
VITRINE_ISA(avx_vnni, x86_64, kCpuAvx2 | kCpuFma | kCpuAvxVnni, "-mavx2 -mfma -mavxvnni")
VITRINE_ISA(avx512, x86_64, kCpuAvx512f | kCpuAvx512bw | kCpuAvx512vl | kCpuAvx512dq | kCpuAvx2 | kCpuFma, "-mavx512f -mavx512bw -mavx512vl -mavx512dq -mavx2 -mfma -mprefer-vector-width=512")
VITRINE_ISA(avx512_vnni, x86_64, kCpuAvx512f | kCpuAvx512bw | kCpuAvx512vl | kCpuAvx512dq | kCpuAvx2 | kCpuFma | kCpuAvx512Vnni, "-mavx512f -mavx512bw -mavx512vl -mavx512dq -mavx2 -mfma -mprefer-vector-width=512 -mavx512vnni")
VITRINE_ISA(avx512_bf16, x86_64, kCpuAvx512f | kCpuAvx512bw | kCpuAvx512vl | kCpuAvx512dq | kCpuAvx2 | kCpuFma | kCpuAvx512Vnni | kCpuAvx512Bf16, "-mavx512f -mavx512bw -mavx512vl -mavx512dq -mavx2 -mfma -mprefer-vector-width=512 -mavx512vnni -mavx512bf16")
