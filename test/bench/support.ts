// The rooms of bench/, which are plain JavaScript, with the types that these tests use.
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { root } from '../support/fixtures'

export const bench = (path: string) => join(root, 'bench', path)
export const load = async <T>(path: string) => (await import(pathToFileURL(bench(path)).href)) as T

interface Cell {
  input: 'pixels' | 'jpeg'
  batch: number
  peer: string
  best: number
}

/** What run.mjs hands to report/, as far as reports read it. */
export interface Results {
  environment: Record<string, unknown>
  options: { rounds: number }
  versions: Record<string, string>
  isa: string | null
  peers: { name: string; precision: string; peak: string }[]
  left: { name: string; why: string }[]
  peaks: {
    threads: number
    gops?: Record<string, number>
    by?: Record<string, string>
    missing?: string
    yardstick: { name: string; cells: { model: string; precision: string; batch: number; best: number }[] } | null
  }[]
  models: {
    name: string
    threads: number
    flops: number
    agreement: { peers: string[]; distance: number }[]
    jpegCosine: null
    cells: Cell[]
    behaviour: object[]
  }[]
  others: number
  loadAtEnd: number[]
}

/** A run of ViT-B/16 on Zen 4, 100 GOP/s in fp32 and an image of 10 GFLOP: its limit is 100 ms. */
export function results(): Results {
  const pixels = (peer: string, ...times: number[]): Cell[] => times.map((best, i) => ({ input: 'pixels', batch: [1, 8][i]!, peer, best }))
  return {
    environment: {
      cpu: 'A & B <CPU>',
      microarchitecture: 'Zen 4',
      cores: 2,
      memoryGb: 8,
      system: 'x',
      node: 'v',
      date: '2026-01-02T03',
      load: [0, 0, 0],
    },
    options: { rounds: 5 },
    versions: { vitrine: '0.0.0' },
    isa: 'avx512',
    peers: [
      { name: 'vitrine', precision: 'fp32', peak: 'fp32' },
      { name: 'vitrine-bf16', precision: 'bf16', peak: 'bf16' },
      { name: 'vitrine-avx2', precision: 'fp32', peak: 'fp32-avx2' },
      { name: 'openvino', precision: 'fp32', peak: 'fp32' },
      { name: 'transformers.js', precision: 'fp32', peak: 'fp32' },
      { name: 'openvino-bf16', precision: 'bf16', peak: 'bf16' },
      { name: 'zentorch-bf16', precision: 'bf16', peak: 'bf16' },
    ],
    left: [{ name: 'openvino-int8', why: 'needs nncf' }],
    peaks: [
      {
        threads: 2,
        gops: { fp32: 100, 'fp32-avx2': 80, bf16: 200 },
        by: { fp32: 'AVX-512', 'fp32-avx2': 'AVX2', bf16: 'VDPBF16PS' },
        yardstick: { name: 'sketch', cells: [{ model: 'vit-b16', precision: 'fp32', batch: 1, best: 107 }] },
      },
    ],
    models: [
      {
        name: 'vit-b16',
        threads: 2,
        flops: 1e10,
        agreement: [{ peers: ['vitrine', 'openvino'], distance: 1e-6 }],
        jpegCosine: null,
        cells: [
          ...pixels('vitrine', 104, 100),
          ...pixels('vitrine-bf16', 55, 50),
          ...pixels('vitrine-avx2', 130, 140),
          ...pixels('openvino', 120, 130),
          ...pixels('transformers.js', 128, 140),
          // Against OpenVINO 1.2 is asked, against zentorch 1: the slower one is the harder.
          ...pixels('openvino-bf16', 64, 70),
          ...pixels('zentorch-bf16', 58, 52),
          { input: 'jpeg', batch: 1, peer: 'vitrine', best: 110 },
          { input: 'jpeg', batch: 1, peer: 'transformers.js', best: 143 },
        ],
        behaviour: [],
      },
    ],
    others: 0.01,
    loadAtEnd: [0, 0, 0],
  }
}
