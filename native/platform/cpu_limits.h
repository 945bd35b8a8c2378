// How many threads this process may keep busy. Read by engine/scheduler.cc and runtime().
#pragma once

#include <string>

namespace vitrine {

// VITRINE_THREADS where it is a whole number from 1 to kMostThreads; else the smaller of the CPUs that the affinity mask allows and the
// cgroup's CPU quota rounded down (a thread more than the quota pauses the whole process, the event loop with it); at least 1.
// Read once per process.
int DefaultThreads();

constexpr int kMostThreads = 1024;

// CPUs that a quota of the control groups allows, 0 where there is none. `root` is where /proc and /sys are found; tests give a copy.
double CgroupCpus(const std::string& root);

}  // namespace vitrine
