// The life of one call, behind job.h: begun, run, delivered, settled.
#include "job.h"

#include <exception>
#include <new>

#include "results.h"

namespace vitrine {

Job::Job(Napi::Env env, std::shared_ptr<Lane> lane) : Task(std::move(lane)), mailbox_(Environment::Of(env).mailbox()) {}

Napi::Object Job::Start(Napi::Env env, std::shared_ptr<Job> job) {
  Environment& environment = Environment::Of(env);
  if (environment.closing()) throw ToError(env, Status::Error("ERR_ENVIRONMENT_CLOSING", "this environment is being torn down"));
  napi_value promise = nullptr;
  if (napi_create_promise(env, &job->deferred_, &promise) != napi_ok) throw Napi::Error::New(env);
  Napi::Object handle = Napi::Object::New(env);
  handle.Set("promise", promise);
  // The handle may outlive the job by far: it holds no more than its number, which cancel() reads of `this`.
  job->id_ = environment.NextId();
  handle.Set("id", double(job->id_));
  handle.Set("cancel", environment.cancel());
  environment.Begin(job);
  if (!Scheduler::Get().Submit(job))
    job->Deliver(Status::Error("ERR_OUT_OF_MEMORY", "the system gives this process no thread to compute on"));
  return handle;
}

void Job::Pin(Napi::Env env, Napi::Value value) {
  napi_ref pin = nullptr;
  if (napi_create_reference(env, value, 1, &pin) != napi_ok) throw Napi::Error::New(env);
  pins_.push_back(pin);
}

void Job::Unpin(napi_env env) {
  for (napi_ref pin : pins_) napi_delete_reference(env, pin);
  pins_.clear();
  Released();
}

void Job::Settle(Napi::Env env) {
  Unpin(env);
  if (status_.ok()) {
    napi_resolve_deferred(env, deferred_, Result(env));
  } else {
    napi_reject_deferred(env, deferred_, ToError(env, status_).Value());
  }
}

void Job::Cancel() {
  if (Scheduler::Get().Cancel(*this)) Deliver(Status::Error("ERR_ABORTED", "the call was cancelled before it began"));
}

void Job::Run(Worker& worker) {
  begun_ = Clock::now();
  // The engine does not throw, but the standard library may.
  try {
    progress_ = Work(worker, &status_);
  } catch (const std::bad_alloc&) {
    status_ = Status::Error("ERR_OUT_OF_MEMORY", "an allocation failed");
  } catch (const std::exception& error) { status_ = Status::Error("ERR_INTERNAL", error.what()); }
  ended_ = Clock::now();
}

void Job::Finished() {
  if (progress_ == Progress::kDone) Deliver(std::move(status_));
}

void Job::Deliver(Status status) {
  status_ = std::move(status);
  mailbox_->Deliver(std::static_pointer_cast<Job>(shared_from_this()));
}

}  // namespace vitrine
