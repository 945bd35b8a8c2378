// sched_getaffinity and the cgroup files behind cpu_limits.h.
#include "cpu_limits.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <thread>

#if defined(__linux__)
#include <sched.h>
#endif

namespace vitrine {
namespace {

int AffinityCpus() {
#if defined(__linux__)
  // The mask of a machine with more CPUs than cpu_set_t holds needs a larger one: grow until it fits.
  for (size_t cpus = 1024; cpus <= (size_t{1} << 20); cpus *= 4) {
    cpu_set_t* set = CPU_ALLOC(cpus);
    if (set == nullptr) break;
    const size_t bytes = CPU_ALLOC_SIZE(cpus);
    const bool known = sched_getaffinity(0, bytes, set) == 0;
    const int count = known ? CPU_COUNT_S(bytes, set) : 0;
    CPU_FREE(set);
    if (count > 0) return count;
  }
#endif
  return int(std::max(1u, std::thread::hardware_concurrency()));
}

std::string ReadLine(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

// "max 100000" or "150000 100000"
double QuotaV2(const std::string& line) {
  std::istringstream fields(line);
  double quota = 0, period = 0;
  return fields >> quota >> period && quota > 0 && period > 0 ? quota / period : 0;
}

double QuotaV1(const std::string& folder) {
  const double quota = std::atof(ReadLine(folder + "/cpu.cfs_quota_us").c_str());
  const double period = std::atof(ReadLine(folder + "/cpu.cfs_period_us").c_str());
  return quota > 0 && period > 0 ? quota / period : 0;
}

double Smaller(double a, double b) { return a == 0 ? b : b == 0 ? a : std::min(a, b); }

// Every group from the process's own up to the root may hold a quota. Inside a container the path may not exist below its own mount:
// then only the mount's root, which is the container's group, is left.
template <class Quota>
double AlongPath(const std::string& mount, std::string group, const Quota& quota) {
  double cpus = 0;
  for (;; group.resize(group.rfind('/'))) {
    cpus = Smaller(cpus, quota(mount + group));
    if (group.empty() || group.rfind('/') == std::string::npos) return cpus;
  }
}

}  // namespace

double CgroupCpus(const std::string& root) {
  std::ifstream groups(root + "/proc/self/cgroup");
  std::string line;
  double cpus = 0;
  while (std::getline(groups, line)) {  // "0::/path", or "4:cpu,cpuacct:/path"
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    std::string controllers = ",";
    controllers.append(line, first + 1, second - first - 1).append(",");
    std::string group = line.substr(second + 1);
    if (group == "/") group.clear();
    if (controllers == ",,") {
      const auto quota = [](const std::string& folder) { return QuotaV2(ReadLine(folder + "/cpu.max")); };
      cpus = Smaller(cpus, AlongPath(root + "/sys/fs/cgroup", group, quota));
    } else if (controllers.find(",cpu,") != std::string::npos) {
      cpus = Smaller(cpus, AlongPath(root + "/sys/fs/cgroup/cpu", group, QuotaV1));
    }
  }
  return cpus;
}

int DefaultThreads() {
  static const int threads = [] {
    if (const char* wanted = std::getenv("VITRINE_THREADS")) {
      char* end = nullptr;
      const long value = std::strtol(wanted, &end, 10);
      if (end != wanted && *end == '\0' && value >= 1 && value <= kMostThreads) return int(value);
    }
    int cpus = AffinityCpus();
    if (const double quota = CgroupCpus(""); quota > 0) cpus = std::min(cpus, int(quota));
    return std::clamp(cpus, 1, kMostThreads);
  }();
  return threads;
}

}  // namespace vitrine
