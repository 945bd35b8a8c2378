// Starting and joining the threads behind thread_pool.h.
#include "thread_pool.h"

#include <system_error>

#include "counters.h"

#if !defined(_WIN32)
#include <pthread.h>
#include <signal.h>
#endif

namespace vitrine {
namespace {

// Signals are for the threads of Node: ours start with all of them blocked.
class SignalsBlocked {
 public:
#if !defined(_WIN32)
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_;
#endif
};

void NameThread() {
#if defined(__linux__)
  pthread_setname_np(pthread_self(), "vitrine");
#elif defined(__APPLE__)
  pthread_setname_np("vitrine");
#endif
}

}  // namespace

int ThreadPool::Start(int threads, Main main, void* context) {
  SignalsBlocked blocked;
  workers_.reserve(size_t(threads));
  for (int i = 0; i < threads; i++) {
    auto worker = std::make_unique<Worker>();
    Worker* self = worker.get();
    try {
      worker->thread = std::thread([main, context, self] {
        NameThread();
        main(context, *self);
      });
    } catch (const std::system_error&) {
      break;  // a limit on threads: those that started do the work
    }
    workers_.push_back(std::move(worker));
    counters.pool_threads++;
  }
  return int(workers_.size());
}

void ThreadPool::Join() {
  for (const auto& worker : workers_) worker->thread.join();
  counters.pool_threads -= int64_t(workers_.size());
  workers_.clear();
}

}  // namespace vitrine
