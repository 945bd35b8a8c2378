// Begin, settle and close, behind environment.h.
#include "environment.h"

#include "../engine/scheduler.h"
#include "job.h"

namespace vitrine {

Environment::Environment(Napi::Env env) : env_(env) {
  Scheduler::Get().Retain();
  napi_value name = Napi::String::New(env, "vitrine");
  if (napi_create_threadsafe_function(env, nullptr, nullptr, name, 0, 1, nullptr, nullptr, this, Wake, &mailbox_->wake_) != napi_ok) {
    Scheduler::Get().Release();
    throw Napi::Error::New(env, "vitrine: the environment gives no thread-safe function");
  }
  napi_unref_threadsafe_function(env, mailbox_->wake_);
  // Hooks run last in, first out: ours before the thread-safe function's own.
  napi_add_env_cleanup_hook(env, Close, this);
}

void Environment::Begin(std::shared_ptr<Job> job) {
  {
    std::lock_guard lock(mailbox_->mutex_);
    mailbox_->awaited_++;
  }
  if (in_flight_.empty()) napi_ref_threadsafe_function(env_, mailbox_->wake_);
  in_flight_.insert(std::move(job));
}

void Mailbox::Deliver(std::shared_ptr<Job> job) {
  std::lock_guard lock(mutex_);
  awaited_--;
  if (closing_) {
    delivered_.notify_one();
    return;
  }
  ready_.push_back(std::move(job));
  if (ready_.size() == 1) napi_call_threadsafe_function(wake_, nullptr, napi_tsfn_nonblocking);
}

void Environment::Wake(napi_env env, napi_value, void* self, void*) {
  if (env != nullptr) static_cast<Environment*>(self)->SettleReady(Napi::Env(env));
}

void Environment::SettleReady(Napi::Env env) {
  std::vector<std::shared_ptr<Job>> ready;
  {
    std::lock_guard lock(mailbox_->mutex_);
    ready.swap(mailbox_->ready_);
  }
  for (const std::shared_ptr<Job>& job : ready) {
    const Napi::HandleScope scope(env);
    try {
      job->Settle(env);
    } catch (...) {
      // Making the result failed: the environment is being terminated, nobody waits for it.
    }
    in_flight_.erase(job);
  }
  if (in_flight_.empty()) napi_unref_threadsafe_function(env, mailbox_->wake_);
}

// The environment ends: its own jobs are cancelled and awaited, nobody else's. After this no thread calls into it.
void Environment::Close(void* data) {
  auto* self = static_cast<Environment*>(data);
  self->closing_ = true;
  Mailbox& mailbox = *self->mailbox_;
  {
    std::lock_guard lock(mailbox.mutex_);
    mailbox.closing_ = true;
  }
  for (const std::shared_ptr<Job>& job : self->in_flight_) job->Cancel();
  {
    std::unique_lock lock(mailbox.mutex_);
    mailbox.delivered_.wait(lock, [&mailbox] { return mailbox.awaited_ == 0; });
    mailbox.ready_.clear();
  }
  for (const std::shared_ptr<Job>& job : self->in_flight_) job->Unpin(self->env_);
  self->in_flight_.clear();
  Scheduler::Get().Release();
}

}  // namespace vitrine
