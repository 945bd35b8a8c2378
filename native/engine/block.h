// One block of the encoder: tokens += projection(attention(norm1(tokens))); tokens += mlp(norm2(tokens)). Before it: encoder.h; after it:
// stages.h. Letters: T tokens, D width, F MLP width.
//
// Everything but attention works on each row by itself. Where there are rows enough for all threads, a chunk of at most two hundred rows
// goes through all of it at once, from the projection to the first norm of the next block, or to its queries, keys and values: what lies
// between stays in the cache of its thread, and threads meet twice a block. Where there are fewer, each step is a phase of its own, cut by
// panels too. Queries, keys and values are made head by head, as attention takes them, where heads are whole panels and fill all threads
// evenly. The bits are the same.
#pragma once

#include "arena.h"
#include "class_rows.h"
#include "stages.h"
#include "token_merge.h"

namespace vitrine {

// Memory between the steps for some rows, in the numbers that each reader multiplies.
struct RowBuffers {
  void* normed = nullptr;   // [rows, D], after a norm
  void* hidden = nullptr;   // [rows, F], inside the MLP
  float* scale = nullptr;   // [rows], of those that are bytes
  int32_t* zero = nullptr;  // [rows]
  int64_t normed_stride = 0, hidden_stride = 0;

  // Laid into memory, 64-byte aligned; how many bytes that takes. Size: without memory.
  int64_t Lay(const Weights& weights, int64_t rows, void* memory);
  static int64_t Size(const Weights& weights, int64_t rows) { return RowBuffers{}.Lay(weights, rows, nullptr); }

  Matrix Normed(Number number) const { return {normed, normed_stride, number, scale, zero}; }
  Matrix Hidden(Number number) const { return {hidden, hidden_stride, number}; }
  // Bytes of x that no norm wrote: over x, each row over its own first part.
  Matrix AsBytes(Matrix x) const { return {x.data, x.stride * BytesOf(x.number), Number::kU8, scale, zero}; }
};

// The activations of one image.
struct Activations {
  Matrix tokens;    // [T, D], fp32: what the blocks add to
  Matrix qkv;       // [T, 3 · heads · head dim]
  Matrix attended;  // [T, heads · head dim]; as fp32 also wide enough for a norm of the tokens
  RowBuffers rows;  // for all T
  Stages::Heads heads{};
  bool by_head = false;  // whether the attention that comes makes its qkv head by head, of rows.Normed
  ClassRows class_rows;

  [[nodiscard]] bool Take(const Weights& weights, int64_t tokens, Arena& arena);
};

// Which rows of the tokens a block computes, and which of its queries: the same, and what an attention map asks for. A block that merges
// tokens away computes all.
struct BlockRows {
  RowSet rows, queries;
  int64_t merged = 0;

  // Whether somebody reads the keys (and the values) of the tokens.
  bool ReadKeys(const PackedBlock& block) const { return queries.Touches({block.class_rows, INT64_MAX}) || merged > 0; }
};

class Blocks {
 public:
  // `merger` has taken memory where some rows merge.
  Blocks(const Weights& weights, Activations& activations, TokenMerger& merger, const Stages& stages)
      : w_(weights), a_(activations), merger_(merger), stages_(stages) {}

  // Where products go in pairs (PackedLinear::in_pairs): the row of so many with which the first begins. The prefix is alone, so that the
  // CLS row is the same whether patches are computed beside it or not.
  int64_t FirstPair(int64_t tokens) const;

  // Queries of `rows`, keys and values of all tokens where they are read: before the first Run. False: no memory.
  [[nodiscard]] bool Begin(const PackedBlock& block, const BlockRows& rows) const;
  // After it, of the same block: the tokens of its rows. With `next`, all rows are computed, and the next block has begun. Where tokens
  // merged, the activations have fewer afterwards, of which `next_rows` are. False: no memory.
  [[nodiscard]] bool Run(const PackedBlock& block, const BlockRows& rows, const PackedBlock* next, const BlockRows& next_rows) const;

 private:
  [[nodiscard]] bool Merge(const PackedBlock& block, int64_t merged) const;
  [[nodiscard]] bool FinishRows(const PackedBlock& block, bool projected, const PackedBlock* next, const BlockRows& next_rows) const;
  bool ByHead(const PackedBlock& block, const BlockRows& rows) const;
  struct Wanted;
  Wanted Want(const PackedBlock& block, const BlockRows& rows) const;
  void BeginRows(const PackedBlock& block, const BlockRows& rows, const RowBuffers& buffers, RowRange range, int64_t first_pair,
                 void* scratch) const;

  const Weights& w_;
  Activations& a_;
  TokenMerger& merger_;
  const Stages& stages_;
};

}  // namespace vitrine
