// Claiming of chunks and the two waits behind team.h: an owner for its helpers' last chunks, never a helper for anything.
#include "team.h"

#include <algorithm>

#include "../platform/spin.h"

namespace vitrine {
namespace {

constexpr int64_t kMostChunks = 0xffff;

constexpr uint64_t Pack(uint32_t epoch, uint32_t front, uint32_t back) { return uint64_t(epoch) << 32 | front << 16 | back; }
constexpr uint32_t Front(uint64_t ticket) { return uint32_t(ticket >> 16) & 0xffff; }
constexpr uint32_t Back(uint64_t ticket) { return uint32_t(ticket) & 0xffff; }

// How many chunks a claim takes: many at first, so that claims are few and a thread works on neighbours; one at the end, so that all
// threads end together.
uint32_t Share(uint64_t ticket, int width) { return std::max(1u, (Back(ticket) - Front(ticket)) / (3 * uint32_t(width))); }
constexpr uint64_t WithoutFront(uint64_t ticket, uint32_t share) { return ticket + (uint64_t{share} << 16); }
constexpr uint64_t WithoutBack(uint64_t ticket, uint32_t share) { return ticket - share; }

}  // namespace

bool Team::HasOpenChunks() const {
  const uint64_t ticket = ticket_.load();
  return Front(ticket) < Back(ticket);
}

bool Team::RunPhases(int64_t count, int64_t scratch_bytes, ChunkFn chunk, const void* context) {
  if (!scratch_.Ensure(scratch_bytes)) return false;
  if (width() <= 1) {
    for (int64_t i = 0; i < count; i++) chunk(context, i, scratch_.data());
    return true;
  }
  scratch_bytes_.store(scratch_bytes, std::memory_order_relaxed);
  for (int64_t base = 0; base < count; base += kMostChunks) {
    const auto chunks = int32_t(std::min(count - base, kMostChunks));
    if (chunks == 1) {
      chunk(context, base, scratch_.data());
    } else {
      AwaitHelpers(uint32_t(chunks) - RunPhase(chunks, chunk, context, base));
    }
  }
  return true;
}

// Opens a phase and claims chunks until none is left; how many this thread ran.
uint32_t Team::RunPhase(int32_t count, ChunkFn chunk, const void* context, int64_t base) {
  chunk_.store(chunk, std::memory_order_relaxed);
  context_.store(context, std::memory_order_relaxed);
  base_.store(base, std::memory_order_relaxed);
  done_by_helpers_.store(0, std::memory_order_relaxed);
  // Sequentially consistent, as is the scheduler's count of sleepers: either that thread sees this phase, or we see it asleep.
  ticket_.store(Pack(++epoch_, 0, uint32_t(count)));
  if (opened_ != nullptr) opened_(opened_context_, count);
  uint32_t ran = 0;
  for (uint64_t ticket = ticket_.load(std::memory_order_relaxed); Front(ticket) < Back(ticket);) {
    const uint32_t share = Share(ticket, width());
    if (!ticket_.compare_exchange_weak(ticket, WithoutFront(ticket, share), std::memory_order_acq_rel, std::memory_order_relaxed)) continue;
    for (uint32_t i = 0; i < share; i++) chunk(context, base + Front(ticket) + i, scratch_.data());
    ran += share;
    ticket = ticket_.load(std::memory_order_relaxed);
  }
  return ran;
}

void Team::AwaitHelpers(uint32_t expected) {
  const auto done = [this, expected] { return done_by_helpers_.load(std::memory_order_acquire) == expected; };
  if (Spin(done)) return;
  std::unique_lock lock(mutex_);
  owner_sleeps_.store(true);
  helper_done_.wait(lock, [this, expected] { return done_by_helpers_.load() == expected; });
  owner_sleeps_.store(false);
}

Team::Help Team::HelpOnce(uint64_t serial, Scratch& scratch) {
  uint64_t ticket = ticket_.load(std::memory_order_acquire);
  // A ticket of a later task cannot be seen together with the serial of ours; one of ours that is over fails the exchange below.
  if (serial_.load(std::memory_order_acquire) != serial) return Help::kTaskOver;
  while (Front(ticket) < Back(ticket)) {
    const ChunkFn chunk = chunk_.load(std::memory_order_relaxed);
    const void* context = context_.load(std::memory_order_relaxed);
    const int64_t base = base_.load(std::memory_order_relaxed);
    const uint32_t share = Share(ticket, width_.load(std::memory_order_relaxed));
    if (!scratch.Ensure(scratch_bytes_.load(std::memory_order_relaxed))) return Help::kTaskOver;
    const uint64_t claimed = ticket;
    if (!ticket_.compare_exchange_weak(ticket, WithoutBack(ticket, share), std::memory_order_acq_rel, std::memory_order_acquire)) {
      if (ticket >> 32 != claimed >> 32) return Help::kNothingNow;
      continue;
    }
    for (uint32_t i = 0; i < share; i++) chunk(context, base + Back(claimed) - share + i, scratch.data());
    done_by_helpers_.fetch_add(share);
    if (owner_sleeps_.load()) {
      std::lock_guard lock(mutex_);
      helper_done_.notify_one();
    }
    return Help::kWorked;
  }
  return Help::kNothingNow;
}

}  // namespace vitrine
