// The hand-written table of ONNX Runtime's functions against a real header, where one can be had; and the comparison itself against faults.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { beforeAll, expect, test } from 'vitest'
import { root } from '../support/fixtures'

interface Functions {
  fetchHeader(): string | undefined
  readHeader(text: string): unknown
  readOurs(text: string): { functions: { name: string }[] }
  compare(ours: unknown, theirs: unknown): string[]
}
let check: Functions
let header: string | undefined
const ours = readFileSync(join(root, 'native', 'onnxruntime', 'abi.h'), 'utf8')

beforeAll(async () => {
  check = (await import(pathToFileURL(join(root, 'scripts', 'check-ort-abi.mjs')).href)) as Functions
  const path = process.env.VITRINE_ORT_HEADER ?? check.fetchHeader()
  if (path && existsSync(path)) header = readFileSync(path, 'utf8')
})

const small = `
typedef enum OrtErrorCode { ORT_OK, ORT_FAIL, } OrtErrorCode;
struct OrtApi {
  /** \\brief One */
  OrtStatus*(ORT_API_CALL* CreateStatus)(OrtErrorCode code, _In_ const char* msg)NO_EXCEPTION ORT_ALL_ARGS_NONNULL;
  ORT_API2_STATUS(CreateSession, _In_ const OrtEnv* env, _In_ const ORTCHAR_T* path, _Outptr_ OrtSession** out);
  ORT_CLASS_RELEASE(Session);
  /** \\since Version 1.12. */
  ORT_API2_STATUS(Names, _In_reads_(n) const char* const* names, size_t n, _Out_ enum ONNXTensorElementDataType* type);
};
`
const table = `
constexpr int kOrtVersion = 12; constexpr int kOrtFail = 1;
#define VITRINE_ORT_FUNCTIONS(F) \\
  F(0, 0, CreateStatus, OrtStatus*, (int, const char*)) \\
  F(1, 0, CreateSession, OrtStatus*, (const OrtEnv*, const OrtPathChar*, OrtSession**)) \\
  F(2, 0, ReleaseSession, void, (OrtSession*)) \\
  F(3, 12, Names, OrtStatus*, (const char* const*, size_t, int*))
struct OrtFunctions {};
`

test('the comparison sees a wrong index, version, type, order or number', () => {
  const differences = (text: string) => check.compare(check.readOurs(text), check.readHeader(small))
  expect(differences(table)).toEqual([])
  for (const [from, to] of [
    ['F(1, 0', 'F(2, 0'],
    ['F(3, 12', 'F(3, 11'],
    ['const OrtEnv*', 'OrtEnv*'],
    ['(int, const char*)', '(const char*, int)'],
    ['size_t, int*', 'size_t, int'],
    ['ReleaseSession, void', 'ReleaseSession, int'],
    ['Names', 'Name'],
    ['kOrtFail = 1', 'kOrtFail = 2'],
  ] as const) {
    expect(differences(table.replace(from, to)), `${from} → ${to}`).toHaveLength(1)
  }
})

test('every function of the table is read', () => {
  const lines = ours.match(/^ {2}F\(/gm)!.length
  expect(check.readOurs(ours).functions).toHaveLength(lines)
})

test('the table agrees with a real header', ({ skip }) => {
  if (header === undefined) skip('no header: neither Go nor VITRINE_ORT_HEADER')
  expect(check.compare(check.readOurs(ours), check.readHeader(header!))).toEqual([])
})
