// A detached thread behind background.h.
#include "background.h"

#include <exception>
#include <thread>
#include <utility>

#if !defined(_WIN32)
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#endif

namespace vitrine {
namespace {

void BecomeBackground() {
#if !defined(_WIN32)
  // A write beyond a limit on file sizes is then an error of that write, not a signal that ends the process.
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, nullptr);
#endif
#if defined(__linux__)
  // Only where nobody else wants the CPU, and a thread that wakes may be given a CPU that runs nothing else. Of this thread alone.
  const sched_param none{};
  if (sched_setscheduler(0, SCHED_IDLE, &none) != 0) static_cast<void>(setpriority(PRIO_PROCESS, 0, 19));
  pthread_setname_np(pthread_self(), "vitrine-cache");
#elif defined(__APPLE__)
  pthread_set_qos_class_self_np(QOS_CLASS_BACKGROUND, 0);
  pthread_setname_np("vitrine-cache");
#endif
}

}  // namespace

bool RunInBackground(std::function<void()> work) {
  try {
    std::thread([work = std::move(work)]() mutable {
      BecomeBackground();
      try {
        work();
        work = nullptr;
      } catch (const std::exception&) {  // no memory for a path or a list: nothing that anybody waits for
      }
    }).detach();
    return true;
  } catch (const std::exception&) { return false; }
}

}  // namespace vitrine
