// What one JavaScript environment (main thread, worker, window) owns: its jobs, and the one way back to its thread. Process-wide state
// (scheduler, weights) outlives it. Before it: addon.cc, which makes one per environment; after it: job.h.
#pragma once

#include <napi.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <unordered_set>
#include <vector>

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
  int64_t awaited_ = 0;                      // jobs begun and not delivered
  std::vector<std::shared_ptr<Job>> ready_;  // delivered and not settled
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

 private:
  static void Wake(napi_env env, napi_value, void* self, void*);
  static void Close(void* self);
  void SettleReady(Napi::Env env);

  const Napi::Env env_;
  const std::shared_ptr<Mailbox> mailbox_ = std::make_shared<Mailbox>();
  std::unordered_set<std::shared_ptr<Job>> in_flight_;
  bool closing_ = false;
};

}  // namespace vitrine
