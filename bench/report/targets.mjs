// What vitrine sets itself, by CPU and precision, with two threads. Before it: summary.mjs, which compares.
// Pairs are batch 1 and batch 8. share: of the measured peak of that precision. peer: times as fast as each peer of that precision, from
// pixel values; `peers` where one has a bound of its own. jpeg: times as fast as transformers.js, both from JPEG bytes, at batch 1; at batch 8
// 0.9 of it.

const shares = (b16, s16) => ({ 'vit-b16': b16, 'vit-s16': s16 })

const iceLake = {
  fp32: { share: shares([0.85, 0.88], [0.8, 0.85]), peer: [1.2, 1.2], jpeg: { 'vit-b16': 1.3, 'vit-s16': 1.3 } },
  int8: { share: shares([0.65, 0.7], [0.6, 0.65]), peer: [1.4, 1.4], jpeg: { 'vit-b16': 3.5, 'vit-s16': 3 } },
}

const zen4 = {
  fp32: { share: shares([0.95, 0.98], [0.93, 0.95]), peer: [1.2, 1.2], jpeg: { 'vit-b16': 1.3, 'vit-s16': 1.3 } },
  int8: { share: shares([0.83, 0.86], [0.76, 0.8]), peer: [1.4, 1.4], jpeg: { 'vit-b16': 4, 'vit-s16': 3.5 } },
}

export const targets = {
  // Its nearest relative is Zen 4. Without dots of bytes int8 has twice the peak of fp32, not four times: no bound to fp32 from JPEG.
  'Zen 3': { fp32: zen4.fp32, int8: { ...zen4.int8, jpeg: {} } },
  'Zen 4': {
    ...zen4,
    bf16: {
      share: shares([0.93, 0.96], [0.88, 0.92]),
      peer: [1.2, 1.2],
      peers: { 'zentorch-bf16': [1, 1] },
      jpeg: { 'vit-b16': 2, 'vit-s16': 2 },
    },
  },
  'Zen 5': {
    fp32: { share: shares([0.95, 1], [0.92, 0.97]), peer: [1.1, 1.15], jpeg: { 'vit-b16': 1.3, 'vit-s16': 1.4 } },
    bf16: { share: shares([0.95, 1], [0.88, 0.95]), peer: [1.15, 1.15], jpeg: { 'vit-b16': 2, 'vit-s16': 2.2 } },
    int8: { share: shares([0.8, 0.86], [0.72, 0.78]), peer: [1.4, 1.25], jpeg: { 'vit-b16': 3.5, 'vit-s16': 3 } },
  },
  'Ice Lake': iceLake,
  'Sapphire Rapids': iceLake, // its nearest relative; AMX is not counted
}

/** Times as fast as the yardstick, on every CPU. */
export const yardstickTargets = { fp32: 1.03, bf16: 1.03, int8: 1.1 }

/** Share of the peak of AVX2 by `vitrine-avx2`, on every CPU. */
export const avx2Share = 0.9
