// Begin, settle and close, behind environment.h.
#include "environment.h"

#include <utility>

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
  cancel_ = Napi::Persistent(Napi::Function::New(
      env, [this](const Napi::CallbackInfo& info) { CancelJob(info); }, "cancel"));
  // Hooks run last in, first out: ours before the thread-safe function's own.
  napi_add_env_cleanup_hook(env, Close, this);
}

void Environment::Begin(std::shared_ptr<Job> job) {
  {
    std::lock_guard lock(mailbox_->mutex_);
    mailbox_->awaited_++;
  }
  if (first_in_flight_ == nullptr) napi_ref_threadsafe_function(env_, mailbox_->wake_);
  Job& added = *job;
  added.next_ = first_in_flight_;
  if (first_in_flight_ != nullptr) first_in_flight_->previous_ = &added;
  first_in_flight_ = &added;
  added.in_flight_self_ = std::move(job);
}

// Takes the job out of the list; the last that the environment knows of it.
std::shared_ptr<Job> Environment::End(Job& job) {
  (job.previous_ != nullptr ? job.previous_->next_ : first_in_flight_) = job.next_;
  if (job.next_ != nullptr) job.next_->previous_ = job.previous_;
  job.previous_ = job.next_ = nullptr;
  return std::move(job.in_flight_self_);
}

// Those begun last come first: what is cancelled is rarely old.
void Environment::CancelJob(const Napi::CallbackInfo& info) {
  const double id = info.This().IsObject() ? info.This().As<Napi::Object>().Get("id").ToNumber().DoubleValue() : 0;
  for (Job* job = first_in_flight_; job != nullptr; job = job->next_) {
    if (double(job->id_) != id) continue;
    const std::shared_ptr<Job> kept = job->in_flight_self_;
    return kept->Cancel();
  }
}

void Mailbox::Deliver(std::shared_ptr<Job> job) {
  std::lock_guard lock(mutex_);
  awaited_--;
  if (closing_) {
    delivered_.notify_one();
    return;
  }
  const bool first = first_ready_ == nullptr;
  (first ? first_ready_ : last_ready_->next_ready_) = job.get();
  last_ready_ = job.get();
  if (first) napi_call_threadsafe_function(wake_, nullptr, napi_tsfn_nonblocking);
}

void Environment::Wake(napi_env env, napi_value, void* self, void*) {
  if (env != nullptr) static_cast<Environment*>(self)->SettleReady(Napi::Env(env));
}

void Environment::SettleReady(Napi::Env env) {
  Job* ready = nullptr;
  {
    std::lock_guard lock(mailbox_->mutex_);
    ready = std::exchange(mailbox_->first_ready_, nullptr);
  }
  while (ready != nullptr) {
    const Napi::HandleScope scope(env);
    const std::shared_ptr<Job> job = End(*ready);
    ready = job->next_ready_;
    try {
      job->Settle(env);
    } catch (...) {
      // Making the result failed: the environment is being terminated, nobody waits for it.
    }
  }
  if (first_in_flight_ == nullptr) napi_unref_threadsafe_function(env, mailbox_->wake_);
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
  for (Job* job = self->first_in_flight_; job != nullptr; job = job->next_) job->Cancel();
  {
    std::unique_lock lock(mailbox.mutex_);
    mailbox.delivered_.wait(lock, [&mailbox] { return mailbox.awaited_ == 0; });
    mailbox.first_ready_ = nullptr;
  }
  while (self->first_in_flight_ != nullptr) self->End(*self->first_in_flight_)->Unpin(self->env_);
  Scheduler::Get().Release();
}

}  // namespace vitrine
