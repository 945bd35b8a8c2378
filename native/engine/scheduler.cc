// What each thread does next, behind scheduler.h: a whole task, else a part of one, else a short wait, else sleep.
#include "scheduler.h"

#include <algorithm>

#include "../platform/cpu_limits.h"
#include "../platform/spin.h"
#include "counters.h"

namespace vitrine {

Scheduler& Scheduler::Get() {
  static Scheduler* scheduler = new Scheduler;
  return *scheduler;
}

int Scheduler::Width(int cap) { return std::clamp(cap, 1, DefaultThreads()); }

void Scheduler::Retain() {
  std::lock_guard lifecycle(lifecycle_);
  environments_++;
  counters.environments++;
}

void Scheduler::Release() {
  std::lock_guard lifecycle(lifecycle_);
  counters.environments--;
  if (--environments_ > 0) return;
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    wake_.notify_all();
  }
  pool_.Join();
  stopping_ = false;
}

bool Scheduler::Submit(std::shared_ptr<Task> task) {
  std::unique_lock lock(mutex_);
  if (pool_.workers().empty()) {
    // The mutex is held: the threads wait for it before they look around.
    const auto main = [](void* self, Worker& worker) { static_cast<Scheduler*>(self)->WorkerMain(worker); };
    if (pool_.Start(DefaultThreads(), main, this) == 0) return false;
  }
  Lane& lane = *task->lane_;
  task->state_ = Task::State::kQueued;
  task->order_ = orders_++;
  task->previous_ = lane.last_;
  (lane.last_ != nullptr ? lane.last_->next_ : lane.first_) = task.get();
  lane.last_ = task.get();
  if (lane.first_ == lane.last_) lanes_.push_back(&lane);
  task->queued_self_ = std::move(task);
  CountRunnable();
  if (sleepers_.load() > 0) wake_.notify_one();
  return true;
}

bool Scheduler::Cancel(Task& task) {
  std::shared_ptr<Task> dropped;  // goes after the lock
  std::lock_guard lock(mutex_);
  task.cancelled_.store(true);
  if (task.state_ != Task::State::kQueued) return false;
  dropped = std::move(task.queued_self_);
  Unlink(task);
  CountRunnable();
  return true;
}

void Scheduler::Unlink(Task& task) {
  Lane& lane = *task.lane_;
  (task.previous_ != nullptr ? task.previous_->next_ : lane.first_) = task.next_;
  (task.next_ != nullptr ? task.next_->previous_ : lane.last_) = task.previous_;
  task.previous_ = task.next_ = nullptr;
  task.state_ = Task::State::kTaken;
  if (lane.first_ == nullptr) lanes_.erase(std::find(lanes_.begin(), lanes_.end(), &lane));
}

void Scheduler::CountRunnable() {
  int count = 0;
  for (const Lane* lane : lanes_) count += lane->owners_ < lane->cap_ ? 1 : 0;
  runnable_.store(count);
}

// The lane whose first task has waited longest, of those below their cap.
Lane* Scheduler::NextLane() const {
  Lane* next = nullptr;
  for (Lane* lane : lanes_) {
    if (lane->owners_ + lane->helpers_ >= lane->cap_) continue;
    if (next == nullptr || lane->first_->order_ < next->first_->order_) next = lane;
  }
  return next;
}

void Scheduler::WorkerMain(Worker& self) {
  // Of several phases one may open after the other: the notification is by count, the search by the woken thread.
  struct Phase {
    Scheduler* scheduler;
    Worker* worker;
  } phase{this, &self};
  self.team.OnPhase(
      [](void* context, int32_t chunks) {
        const auto* opened = static_cast<Phase*>(context);
        if (opened->scheduler->sleepers_.load() > 0) opened->scheduler->WakeHelpers(*opened->worker, chunks);
      },
      &phase);

  std::unique_lock lock(mutex_);
  for (;;) {
    if (RunOne(self, lock)) continue;
    const Helped helped = HelpSome(self, lock);
    if (helped == Helped::kSome) continue;
    if (stopping_) return;
    if (helped == Helped::kNobody) {
      lock.unlock();
      Spin([this] { return runnable_.load(std::memory_order_relaxed) > 0; });
      lock.lock();
    }
    if (NextLane() != nullptr) continue;
    if (counters.models.load() == 0) {  // nothing to compute with: give back what images needed
      self.arena.Free();
      self.team.scratch().Free();
    }
    sleepers_.fetch_add(1);
    wake_.wait(lock, [this] { return stopping_ || NextLane() != nullptr || TeamToHelp(true) != nullptr; });
    sleepers_.fetch_sub(1);
  }
}

bool Scheduler::RunOne(Worker& self, std::unique_lock<std::mutex>& lock) {
  Lane* lane = NextLane();
  if (lane == nullptr) return false;
  std::shared_ptr<Task> task = std::move(lane->first_->queued_self_);
  Unlink(*task);
  lane->owners_++;
  CountRunnable();
  // Each thread that takes a task wakes the next one, should there be another task.
  if (sleepers_.load() > 0 && NextLane() != nullptr) wake_.notify_one();
  self.owns = true;
  self.lane = task->lane_;
  self.team.Begin();
  ShareOut(*lane);
  lock.unlock();
  task->Run(self);
  lock.lock();
  self.team.End();
  self.owns = false;
  self.lane.reset();
  lane->owners_--;
  ShareOut(*lane);
  CountRunnable();
  lock.unlock();
  task->Finished();
  task.reset();
  lock.lock();
  return true;
}

// What the owners of a lane leave is how many threads may join each of them: none while whole images keep all of them busy.
void Scheduler::ShareOut(const Lane& lane) const {
  const int threads = std::min<int>(lane.cap_, int(pool_.workers().size()));
  for (const auto& worker : pool_.workers()) {
    if (worker->owns && worker->lane.get() == &lane) worker->team.SetWidth(std::max(threads - lane.owners_ + 1, 1));
  }
}

// The running task with the fewest helpers, of those that may have another one.
Worker* Scheduler::TeamToHelp(bool open_only) const {
  Worker* best = nullptr;
  for (const auto& worker : pool_.workers()) {
    if (!worker->owns || worker->lane->owners_ + worker->lane->helpers_ >= worker->lane->cap_) continue;
    if (open_only && !worker->team.HasOpenChunks()) continue;
    if (best == nullptr || worker->helpers < best->helpers) best = worker.get();
  }
  return best;
}

Scheduler::Helped Scheduler::HelpSome(Worker& self, std::unique_lock<std::mutex>& lock) {
  Worker* owner = TeamToHelp(false);
  if (owner == nullptr) return Helped::kNobody;
  const std::shared_ptr<Lane> lane = owner->lane;
  const uint64_t serial = owner->team.serial();
  lane->helpers_++;
  owner->helpers++;
  lock.unlock();

  bool worked = false;
  Team::Help last = Team::Help::kNothingNow;
  const auto wanted_elsewhere = [this] { return runnable_.load(std::memory_order_relaxed) > 0; };
  do {
    while (!wanted_elsewhere() && (last = owner->team.HelpOnce(serial, self.team.scratch())) == Team::Help::kWorked) worked = true;
    if (last == Team::Help::kTaskOver) break;
  } while (!wanted_elsewhere() && Spin([&] {
    return wanted_elsewhere() || owner->team.HasOpenChunks() || owner->team.serial() != serial;
  }) && !wanted_elsewhere());

  lock.lock();
  lane->helpers_--;
  owner->helpers--;
  return worked ? Helped::kSome : Helped::kWaitedInVain;
}

void Scheduler::WakeHelpers(Worker& owner, int32_t chunks) {
  std::lock_guard lock(mutex_);
  const Lane& lane = *owner.lane;
  int wanted = std::min({lane.cap_ - lane.owners_ - lane.helpers_, sleepers_.load(), int(chunks) - 1});
  for (; wanted > 0; wanted--) wake_.notify_one();
}

}  // namespace vitrine
