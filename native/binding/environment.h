// What one JavaScript environment (main thread, worker, window) owns: its jobs, and the one way back to its thread. Process-wide state
// (scheduler, weights) outlives it. Before it: addon.cc, which makes one per environment; after it: job.h.
#pragma once

#include <napi.h>

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>

namespace vitrine {

class Job;

// The part that pool threads may touch; jobs keep it alive beyond the environment.
class Mailbox {
 public:
  // Any thread, once per job begun: the job's result is there. Calls into the environment unless that is closing.
  void Deliver(std::shared_ptr<Job> job);

 private:
  friend class Environment;
  std::mutex mutex_;
  std::condition_variable delivered_;
  napi_threadsafe_function wake_ = nullptr;
  bool closing_ = false;
  int64_t awaited_ = 0;  // jobs begun and not delivered
  // Delivered and not settled, in order; the environment keeps them.
  Job* first_ready_ = nullptr;
  Job* last_ready_ = nullptr;
};

class Environment {
 public:
  explicit Environment(Napi::Env env);
  static Environment& Of(Napi::Env env) { return *env.GetInstanceData<Environment>(); }

  const std::shared_ptr<Mailbox>& mailbox() const { return mailbox_; }
  bool closing() const { return closing_; }

  bool watches_exit = false;  // set by onnx.cc

  // The job is in flight: it is kept, and the process with it, until it has settled.
  void Begin(std::shared_ptr<Job> job);
  // For the number of a job, by which cancel() finds it.
  uint64_t NextId() { return ++ids_; }
  // cancel() of every handle { id, cancel }: one function for all, so that a handle holds nothing of ours.
  Napi::Function cancel() const { return cancel_.Value(); }

 private:
  static void Wake(napi_env env, napi_value, void* self, void*);
  static void Close(void* self);
  void SettleReady(Napi::Env env);
  void CancelJob(const Napi::CallbackInfo& info);
  std::shared_ptr<Job> End(Job& job);

  const Napi::Env env_;
  const std::shared_ptr<Mailbox> mailbox_ = std::make_shared<Mailbox>();
  Napi::FunctionReference cancel_;
  Job* first_in_flight_ = nullptr;
  uint64_t ids_ = 0;
  bool closing_ = false;
};

}  // namespace vitrine
