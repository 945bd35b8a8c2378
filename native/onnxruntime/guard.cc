// The count of threads inside and the exit handler, behind guard.h.
#include "guard.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <vector>

#include "../platform/shared_library.h"

namespace vitrine {
namespace {

constexpr auto kLongestWait = std::chrono::seconds(5);
constexpr int kMostHandlers = 64;  // the steps of a process that matter come early

struct Guard {
  std::mutex mutex;
  std::condition_variable changed;
  int inside = 0;
  int handlers = 0;
  bool exiting = false;
  std::vector<Interruptible*> interruptibles;
};

Guard& TheGuard() {
  static auto* guard = new Guard;  // never destroyed: threads may come here while the process exits
  return *guard;
}

// What could not be interrupted in time would crash in destroyed statics: then the process ends here, with the code that it was about to
// end with.
void Exiting(int code) {
  EndOrt();
  Guard& guard = TheGuard();
  std::lock_guard lock(guard.mutex);
  if (guard.inside > 0 && code >= 0) ExitNow(code);
}

}  // namespace

void EndOrt() {
  Guard& guard = TheGuard();
  std::unique_lock lock(guard.mutex);
  guard.exiting = true;
  const auto end = std::chrono::steady_clock::now() + kLongestWait;
  while (guard.inside > 0 && std::chrono::steady_clock::now() < end) {
    // Again and again: a load may have reached a part that listens only now.
    for (Interruptible* one : guard.interruptibles) one->Interrupt();
    guard.changed.wait_for(lock, std::chrono::milliseconds(20), [&guard] { return guard.inside == 0; });
  }
}

InsideOrt::InsideOrt() {
  Guard& guard = TheGuard();
  std::lock_guard lock(guard.mutex);
  entered_ = !guard.exiting;
  if (entered_) guard.inside++;
}

InsideOrt::~InsideOrt() {
  if (!entered_) return;
  Guard& guard = TheGuard();
  std::lock_guard lock(guard.mutex);
  guard.inside--;
  if (guard.exiting) guard.changed.notify_all();
}

void AddInterruptible(Interruptible* one) {
  Guard& guard = TheGuard();
  std::lock_guard lock(guard.mutex);
  guard.interruptibles.push_back(one);
}

void RemoveInterruptible(Interruptible* one) {
  Guard& guard = TheGuard();
  std::lock_guard lock(guard.mutex);
  std::erase(guard.interruptibles, one);
}

void GuardExit() {
  Guard& guard = TheGuard();
  std::lock_guard lock(guard.mutex);
  if (guard.handlers++ < kMostHandlers) OnExit(Exiting);
}

}  // namespace vitrine
