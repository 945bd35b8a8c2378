// One asynchronous call: a promise, what it pins, and the way to cancel it. Before it: images.cc and load.cc, which make jobs; after it:
// engine/scheduler.h, which runs them. JavaScript values are touched on the environment's thread alone.
#pragma once

#include <napi.h>

#include <chrono>
#include <memory>

#include "../engine/scheduler.h"
#include "../engine/status.h"
#include "../platform/recycled.h"
#include "environment.h"

namespace vitrine {

class Job : public Task {
 public:
  Job(Napi::Env env, std::shared_ptr<Lane> lane);

  // JavaScript thread. Hands the job to the scheduler; the result is { promise, cancel() }.
  static Napi::Object Start(Napi::Env env, std::shared_ptr<Job> job);
  // JavaScript thread: nothing may free or move `value` before the job has settled.
  void Pin(Napi::Env env, Napi::Value value);
  void Unpin(napi_env env);
  void Settle(Napi::Env env);

  // Any number of times, on the JavaScript thread. Queued work ends here, running work within one block; either way the job is delivered.
  virtual void Cancel();

  void Run(Worker& worker) final;
  void Finished() final;

 protected:
  enum class Progress : uint8_t { kDone, kDeliveredLater };
  // On a pool thread. kDeliveredLater: somebody will call Deliver.
  virtual Progress Work(Worker& worker, Status* status) = 0;
  // JavaScript thread: what the promise resolves to.
  virtual Napi::Value Result(Napi::Env env) = 0;
  // JavaScript thread: the pinned memory is no longer used.
  virtual void Released() {}
  // Any thread, exactly once per job.
  void Deliver(Status status);

  // Milliseconds from the start of the job to Work, and in Work.
  double queue_ms() const { return Milliseconds(started_, begun_); }
  double work_ms() const { return Milliseconds(begun_, ended_); }

 private:
  using Clock = std::chrono::steady_clock;
  static double Milliseconds(Clock::time_point from, Clock::time_point to) {
    return std::chrono::duration<double, std::milli>(to - from).count();
  }

  friend class Environment;
  friend class Mailbox;
  // The environment's, while it keeps the job: what its handle calls it, and its neighbours in the list.
  uint64_t id_ = 0;
  std::shared_ptr<Job> in_flight_self_;
  Job* previous_ = nullptr;
  Job* next_ = nullptr;
  Job* next_ready_ = nullptr;  // under the mailbox's mutex

  const std::shared_ptr<Mailbox> mailbox_;
  napi_deferred deferred_ = nullptr;
  RecycledVector<napi_ref> pins_;
  Status status_;
  Progress progress_ = Progress::kDone;
  const Clock::time_point started_ = Clock::now();
  Clock::time_point begun_ = started_, ended_ = started_;
};

}  // namespace vitrine
