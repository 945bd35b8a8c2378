// Which thread works on what: one queue for the whole process. The unit of work is a task, which is one image as a rule; whole tasks come
// first, and a thread that finds none helps inside a running one. Before it: binding/job.h; after it: the task, which is encoder.h.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "thread_pool.h"

namespace vitrine {

class Task;

// Tasks that share a limit of threads: those of one model. Fields belong to the scheduler.
class Lane {
 public:
  // At most `cap` threads work on its tasks at once, owners and helpers together.
  explicit Lane(int cap) : cap_(cap) {}
  int cap() const { return cap_; }

 private:
  friend class Scheduler;
  const int cap_;
  int owners_ = 0, helpers_ = 0;
  Task* first_ = nullptr;  // queued tasks, first in first out
  Task* last_ = nullptr;
};

class Task : public std::enable_shared_from_this<Task> {
 public:
  explicit Task(std::shared_ptr<Lane> lane) : lane_(std::move(lane)) {}
  virtual ~Task() = default;

  // On a pool thread. Must look at cancelled() often enough that it ends within one block of the encoder.
  virtual void Run(Worker& worker) = 0;
  // After Run, on the same thread, when the thread no longer counts as busy with it. The last that the scheduler does with a task.
  virtual void Finished() {}

  bool cancelled() const { return cancelled_.load(std::memory_order_relaxed); }
  const std::atomic<bool>& cancelled_flag() const { return cancelled_; }

 private:
  friend class Scheduler;
  const std::shared_ptr<Lane> lane_;
  std::atomic<bool> cancelled_{false};
  enum class State : uint8_t { kNew, kQueued, kTaken } state_ = State::kNew;
  uint64_t order_ = 0;
  Task* previous_ = nullptr;
  Task* next_ = nullptr;
  std::shared_ptr<Task> queued_self_;  // keeps a queued task alive
};

class Scheduler {
 public:
  // Never destroyed: threads may still run while the process exits.
  static Scheduler& Get();

  // An environment comes or goes. With the last one the threads stop, when what they run is done; Release waits for that.
  void Retain();
  void Release();

  // False where the system gives no thread at all; the task is then dropped. Starts the threads where there are none.
  [[nodiscard]] bool Submit(std::shared_ptr<Task> task);
  // Raises cancelled(). True where the task was still queued: it is out of the queue and will never run.
  bool Cancel(Task& task);

  // Threads that a lane of this cap can have.
  static int Width(int cap);

 private:
  void WorkerMain(Worker& self);
  bool RunOne(Worker& self, std::unique_lock<std::mutex>& lock);
  enum class Helped : uint8_t { kNobody, kSome, kWaitedInVain };
  Helped HelpSome(Worker& self, std::unique_lock<std::mutex>& lock);
  Lane* NextLane() const;
  void ShareOut(const Lane& lane) const;
  Worker* TeamToHelp(bool open_only) const;
  void Unlink(Task& task);
  void CountRunnable();
  void WakeHelpers(Worker& owner, int32_t chunks);

  std::mutex lifecycle_;  // start and stop, taken before mutex_
  int environments_ = 0;

  std::mutex mutex_;
  std::condition_variable wake_;
  ThreadPool pool_;
  bool stopping_ = false;
  uint64_t orders_ = 0;
  std::vector<Lane*> lanes_;  // those with queued tasks; a task keeps its lane
  // For threads outside the mutex: lanes whose first task could start if helpers left, and threads asleep in wake_.
  std::atomic<int> runnable_{0}, sleepers_{0};
};

}  // namespace vitrine
