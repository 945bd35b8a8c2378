// The threads of the process: one set, started with the first task, stopped when the last environment goes. Used by scheduler.h alone.
#pragma once

#include <memory>
#include <thread>
#include <vector>

#include "arena.h"
#include "picture.h"
#include "team.h"

namespace vitrine {

class Lane;

// One thread, with what it keeps from task to task.
struct Worker {
  Team team;    // shares the task that it owns with helpers
  Arena arena;  // activations of that task
  PictureScratch picture;
  // Under the scheduler's mutex: whether it owns a task now, of which lane, and how many threads help it.
  bool owns = false;
  std::shared_ptr<Lane> lane;
  int helpers = 0;
  std::thread thread;
};

class ThreadPool {
 public:
  using Main = void (*)(void* context, Worker& worker);

  // As many of `threads` as the system gives; how many.
  int Start(int threads, Main main, void* context);
  // Every main must be about to return.
  void Join();

  const std::vector<std::unique_ptr<Worker>>& workers() const { return workers_; }

 private:
  std::vector<std::unique_ptr<Worker>> workers_;
};

}  // namespace vitrine
