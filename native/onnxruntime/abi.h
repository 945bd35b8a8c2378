// What vitrine uses of ONNX Runtime's C API, declared by hand, so that nobody who builds vitrine has to find a header: the API is one
// table of function pointers whose order is promised never to change, so a function is its index. scripts/check-ort-abi.mjs compares every
// line of the table below (index, version, name, types) with a real header. After it: library.h, which reads the table from a library.
#pragma once

#include <cstddef>
#include <cstdint>

#if defined(_WIN32)
#define VITRINE_ORT_CALL __stdcall
#else
#define VITRINE_ORT_CALL
#endif

namespace vitrine {

struct OrtAllocator;
struct OrtCUDAProviderOptionsV2;
struct OrtEnv;
struct OrtIoBinding;
struct OrtMemoryInfo;
struct OrtRunOptions;
struct OrtSession;
struct OrtSessionOptions;
struct OrtStatus;
struct OrtSyncStream;
struct OrtTensorRTProviderOptionsV2;
struct OrtTensorTypeAndShapeInfo;
struct OrtTypeInfo;
struct OrtValue;

// Paths are wide on Windows.
#if defined(_WIN32)
using OrtPathChar = wchar_t;
#else
using OrtPathChar = char;
#endif

// (context, severity, category, log id, place in the code, message)
using OrtLoggingFunction = void(VITRINE_ORT_CALL*)(void*, int, const char*, const char*, const char*, const char*);

// Numbers of enumerations, which cross the boundary as int.
constexpr int kOrtLogWarning = 2, kOrtLogError = 3;
constexpr int kOrtFail = 1, kOrtNoSuchFile = 3, kOrtEngineError = 5, kOrtRuntimeException = 6, kOrtProviderFail = 11;
constexpr int kOrtOptimizeAll = 99;
constexpr int kOrtDeviceAllocator = 0;
constexpr int kOrtMemoryDefault = 0, kOrtMemoryCpuOutput = -1;
constexpr int kOrtFloat = 1, kOrtUint8 = 2, kOrtInt64 = 7, kOrtFloat16 = 10, kOrtBFloat16 = 16;

// The oldest version that has everything that is not optional: AddExternalInitializers came with 1.12.
constexpr int kOrtVersion = 12;

// F(index, since version 1.x, name, result, parameters). Versions beyond kOrtVersion are optional: null where the library is older.
#define VITRINE_ORT_FUNCTIONS(F)                                                                                                        \
  F(1, 0, GetErrorCode, int, (const OrtStatus*))                                                                                        \
  F(2, 0, GetErrorMessage, const char*, (const OrtStatus*))                                                                             \
  F(4, 0, CreateEnvWithCustomLogger, OrtStatus*, (OrtLoggingFunction, void*, int, const char*, OrtEnv**))                               \
  F(7, 0, CreateSession, OrtStatus*, (const OrtEnv*, const OrtPathChar*, const OrtSessionOptions*, OrtSession**))                       \
  F(8, 0, CreateSessionFromArray, OrtStatus*, (const OrtEnv*, const void*, size_t, const OrtSessionOptions*, OrtSession**))             \
  F(10, 0, CreateSessionOptions, OrtStatus*, (OrtSessionOptions**))                                                                     \
  F(17, 0, DisableMemPattern, OrtStatus*, (OrtSessionOptions*))                                                                         \
  F(23, 0, SetSessionGraphOptimizationLevel, OrtStatus*, (OrtSessionOptions*, int))                                                     \
  F(24, 0, SetIntraOpNumThreads, OrtStatus*, (OrtSessionOptions*, int))                                                                 \
  F(25, 0, SetInterOpNumThreads, OrtStatus*, (OrtSessionOptions*, int))                                                                 \
  F(30, 0, SessionGetInputCount, OrtStatus*, (const OrtSession*, size_t*))                                                              \
  F(31, 0, SessionGetOutputCount, OrtStatus*, (const OrtSession*, size_t*))                                                             \
  F(33, 0, SessionGetInputTypeInfo, OrtStatus*, (const OrtSession*, size_t, OrtTypeInfo**))                                             \
  F(34, 0, SessionGetOutputTypeInfo, OrtStatus*, (const OrtSession*, size_t, OrtTypeInfo**))                                            \
  F(36, 0, SessionGetInputName, OrtStatus*, (const OrtSession*, size_t, OrtAllocator*, char**))                                         \
  F(37, 0, SessionGetOutputName, OrtStatus*, (const OrtSession*, size_t, OrtAllocator*, char**))                                        \
  F(39, 0, CreateRunOptions, OrtStatus*, (OrtRunOptions**))                                                                             \
  F(46, 0, RunOptionsSetTerminate, OrtStatus*, (OrtRunOptions*))                                                                        \
  F(47, 0, RunOptionsUnsetTerminate, OrtStatus*, (OrtRunOptions*))                                                                      \
  F(48, 0, CreateTensorAsOrtValue, OrtStatus*, (OrtAllocator*, const int64_t*, size_t, int, OrtValue**))                                \
  F(49, 0, CreateTensorWithDataAsOrtValue, OrtStatus*, (const OrtMemoryInfo*, void*, size_t, const int64_t*, size_t, int, OrtValue**))  \
  F(51, 0, GetTensorMutableData, OrtStatus*, (OrtValue*, void**))                                                                       \
  F(55, 0, CastTypeInfoToTensorInfo, OrtStatus*, (const OrtTypeInfo*, const OrtTensorTypeAndShapeInfo**))                               \
  F(60, 0, GetTensorElementType, OrtStatus*, (const OrtTensorTypeAndShapeInfo*, int*))                                                  \
  F(61, 0, GetDimensionsCount, OrtStatus*, (const OrtTensorTypeAndShapeInfo*, size_t*))                                                 \
  F(62, 0, GetDimensions, OrtStatus*, (const OrtTensorTypeAndShapeInfo*, int64_t*, size_t))                                             \
  F(63, 0, GetSymbolicDimensions, OrtStatus*, (const OrtTensorTypeAndShapeInfo*, const char**, size_t))                                 \
  F(65, 0, GetTensorTypeAndShape, OrtStatus*, (const OrtValue*, OrtTensorTypeAndShapeInfo**))                                           \
  F(68, 0, CreateMemoryInfo, OrtStatus*, (const char*, int, int, int, OrtMemoryInfo**))                                                 \
  F(69, 0, CreateCpuMemoryInfo, OrtStatus*, (int, int, OrtMemoryInfo**))                                                                \
  F(75, 0, AllocatorAlloc, OrtStatus*, (OrtAllocator*, size_t, void**))                                                                 \
  F(76, 0, AllocatorFree, OrtStatus*, (OrtAllocator*, void*))                                                                           \
  F(77, 0, AllocatorGetInfo, OrtStatus*, (const OrtAllocator*, const OrtMemoryInfo**))                                                  \
  F(78, 0, GetAllocatorWithDefaultOptions, OrtStatus*, (OrtAllocator**))                                                                \
  F(93, 0, ReleaseStatus, void, (OrtStatus*))                                                                                           \
  F(94, 0, ReleaseMemoryInfo, void, (OrtMemoryInfo*))                                                                                   \
  F(95, 0, ReleaseSession, void, (OrtSession*))                                                                                         \
  F(96, 0, ReleaseValue, void, (OrtValue*))                                                                                             \
  F(97, 0, ReleaseRunOptions, void, (OrtRunOptions*))                                                                                   \
  F(98, 0, ReleaseTypeInfo, void, (OrtTypeInfo*))                                                                                       \
  F(99, 0, ReleaseTensorTypeAndShapeInfo, void, (OrtTensorTypeAndShapeInfo*))                                                           \
  F(100, 0, ReleaseSessionOptions, void, (OrtSessionOptions*))                                                                          \
  F(125, 0, GetAvailableProviders, OrtStatus*, (char***, int*))                                                                         \
  F(126, 0, ReleaseAvailableProviders, OrtStatus*, (char**, int))                                                                       \
  F(130, 0, AddSessionConfigEntry, OrtStatus*, (OrtSessionOptions*, const char*, const char*))                                          \
  F(131, 0, CreateAllocator, OrtStatus*, (const OrtSession*, const OrtMemoryInfo*, OrtAllocator**))                                     \
  F(132, 0, ReleaseAllocator, void, (OrtAllocator*))                                                                                    \
  F(133, 0, RunWithBinding, OrtStatus*, (OrtSession*, const OrtRunOptions*, const OrtIoBinding*))                                       \
  F(134, 0, CreateIoBinding, OrtStatus*, (OrtSession*, OrtIoBinding**))                                                                 \
  F(135, 0, ReleaseIoBinding, void, (OrtIoBinding*))                                                                                    \
  F(136, 0, BindInput, OrtStatus*, (OrtIoBinding*, const char*, const OrtValue*))                                                       \
  F(137, 0, BindOutput, OrtStatus*, (OrtIoBinding*, const char*, const OrtValue*))                                                      \
  F(138, 0, BindOutputToDevice, OrtStatus*, (OrtIoBinding*, const char*, const OrtMemoryInfo*))                                         \
  F(140, 0, GetBoundOutputValues, OrtStatus*, (const OrtIoBinding*, OrtAllocator*, OrtValue***, size_t*))                               \
  F(165, 0, AddRunConfigEntry, OrtStatus*, (OrtRunOptions*, const char*, const char*))                                                  \
  F(170, 0, SessionOptionsAppendExecutionProvider_TensorRT_V2, OrtStatus*, (OrtSessionOptions*, const OrtTensorRTProviderOptionsV2*))   \
  F(171, 0, CreateTensorRTProviderOptions, OrtStatus*, (OrtTensorRTProviderOptionsV2**))                                                \
  F(172, 0, UpdateTensorRTProviderOptions, OrtStatus*, (OrtTensorRTProviderOptionsV2*, const char* const*, const char* const*, size_t)) \
  F(174, 0, ReleaseTensorRTProviderOptions, void, (OrtTensorRTProviderOptionsV2*))                                                      \
  F(202, 0, SynchronizeBoundInputs, OrtStatus*, (OrtIoBinding*))                                                                        \
  F(203, 0, SynchronizeBoundOutputs, OrtStatus*, (OrtIoBinding*))                                                                       \
  F(204, 11, SessionOptionsAppendExecutionProvider_CUDA_V2, OrtStatus*, (OrtSessionOptions*, const OrtCUDAProviderOptionsV2*))          \
  F(205, 11, CreateCUDAProviderOptions, OrtStatus*, (OrtCUDAProviderOptionsV2**))                                                       \
  F(206, 11, UpdateCUDAProviderOptions, OrtStatus*, (OrtCUDAProviderOptionsV2*, const char* const*, const char* const*, size_t))        \
  F(208, 11, ReleaseCUDAProviderOptions, void, (OrtCUDAProviderOptionsV2*))                                                             \
  F(210, 12, AddExternalInitializers, OrtStatus*, (OrtSessionOptions*, const char* const*, const OrtValue* const*, size_t))             \
  F(216, 12, SessionOptionsAppendExecutionProvider, OrtStatus*,                                                                         \
    (OrtSessionOptions*, const char*, const char* const*, const char* const*, size_t))                                                  \
  F(293, 22, SessionOptionsSetLoadCancellationFlag, OrtStatus*, (OrtSessionOptions*, bool))                                             \
  F(301, 22, RegisterExecutionProviderLibrary, OrtStatus*, (OrtEnv*, const char*, const OrtPathChar*))                                  \
  F(386, 23, CopyTensors, OrtStatus*, (const OrtEnv*, const OrtValue* const*, OrtValue* const*, OrtSyncStream*, size_t))

struct OrtFunctions {
#define VITRINE_ORT_MEMBER(index, since, name, result, parameters) result(VITRINE_ORT_CALL* name) parameters = nullptr;
  VITRINE_ORT_FUNCTIONS(VITRINE_ORT_MEMBER)
#undef VITRINE_ORT_MEMBER
};

// What the library's one export, OrtGetApiBase(), returns. GetApi gives the table, or null where the library is older than `version`.
struct OrtApiBase {
  const void* const*(VITRINE_ORT_CALL* GetApi)(uint32_t version);
  const char*(VITRINE_ORT_CALL* GetVersionString)();
};
using OrtGetApiBaseFunction = const OrtApiBase*(VITRINE_ORT_CALL*)();

}  // namespace vitrine
