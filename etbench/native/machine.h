// What Linux reports about this process and the machine: load, memory, and whether a file is in memory.
//
// The figures are those of etbench/host/load.py, memory.py and page_cache.py, from the same sources.
#pragma once

#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "json_writer.h"
#include "program.h"

namespace etbench {

inline std::optional<double> number_in(const std::filesystem::path& path) {
  std::ifstream file(path);
  double number = 0;
  return file >> number ? std::optional(number) : std::nullopt;
}

// Return the numbers in the files `{folder}/{entry*}/{file*}`, such as cpu0/cpufreq/scaling_cur_freq.
inline std::vector<double> numbers_below(
    const std::string& folder, const std::string& entry, const std::string& file, const std::string& end) {
  std::vector<double> found;
  std::error_code absent;
  for (const auto& inner : std::filesystem::directory_iterator(folder, absent)) {
    if (inner.path().filename().string().rfind(entry, 0) != 0) continue;
    const auto place = inner.path() / std::filesystem::path(file).parent_path();
    const std::string begin = std::filesystem::path(file).filename().string();
    for (const auto& candidate : std::filesystem::directory_iterator(place, absent)) {
      const std::string name = candidate.path().filename().string();
      const bool fits = name.rfind(begin, 0) == 0 && name.size() >= begin.size() + end.size() &&
          name.compare(name.size() - end.size(), end.size(), end) == 0;
      if (!fits) continue;
      if (const auto number = number_in(candidate.path())) found.push_back(*number);
    }
  }
  return found;
}

inline std::string or_null(std::optional<double> value) { return value ? json::written(*value) : "null"; }

// Watches what else the machine does after it was created.
class LoadWatch {
 public:
  LoadWatch() : cpu_(cpu_ticks()), usage_(usage()) {}

  // What has happened since, as etbench.measure.protocol.MachineLoad; this process' own CPU time is not load.
  std::string text() const {
    const std::vector<double> now = cpu_ticks();
    const rusage used = usage();
    std::vector<double> spent(now.size());
    for (size_t i = 0; i < now.size(); ++i) spent[i] = now[i] - cpu_[i];
    double total = 0;
    for (size_t i = 0; i < spent.size() && i < kGuest; ++i) total += spent[i];  // guest time is in user time
    const double own = (cpu_s(used) - cpu_s(usage_)) * static_cast<double>(sysconf(_SC_CLK_TCK));
    const double other = std::max(0.0, total - at(spent, kIdle) - at(spent, kWait) - at(spent, kSteal) - own);
    const bool known = total > 0, enough = total >= kLeastCpuS * static_cast<double>(sysconf(_SC_CLK_TCK));
    return json::Writer()
        .raw("other_cpu_share", enough ? json::written(std::min(1.0, other / total)) : "null")
        .raw("steal_share", known && spent.size() > kSteal ? json::written(spent[kSteal] / total) : "null")
        .add("involuntary_switches", used.ru_nivcsw - usage_.ru_nivcsw)
        .add("major_faults", used.ru_majflt - usage_.ru_majflt)
        .raw("frequency_mhz", or_null(frequency_mhz()))
        .raw("temperature_c", or_null(temperature_c()))
        .add("cpus", allowed_cpus())
        .text();
  }

 private:
  static constexpr size_t kIdle = 3, kWait = 4, kSteal = 7, kGuest = 8;  // fields of the first line of /proc/stat

  static constexpr double kLeastCpuS = 0.1;  // as in load.py: the system's ticks are too coarse for less

  static std::vector<double> cpu_ticks() {
    std::ifstream file("/proc/stat");
    std::string line, name;
    std::getline(file, line);
    std::istringstream fields(line);
    fields >> name;
    std::vector<double> ticks;
    for (double value; fields >> value;) ticks.push_back(value);
    return ticks;
  }

  static double at(const std::vector<double>& values, size_t i) { return i < values.size() ? values[i] : 0.0; }

  static rusage usage() {
    rusage now{};
    getrusage(RUSAGE_SELF, &now);
    return now;
  }

  static double cpu_s(const rusage& used) {
    const auto seconds = [](const timeval& time) { return time.tv_sec + time.tv_usec / 1e6; };
    return seconds(used.ru_utime) + seconds(used.ru_stime);
  }

  static std::optional<double> frequency_mhz() {
    const auto all = numbers_below("/sys/devices/system/cpu", "cpu", "cpufreq/scaling_cur_freq", "");
    if (all.empty()) return std::nullopt;
    double sum = 0;
    for (double one : all) sum += one / 1e3;
    return sum / static_cast<double>(all.size());
  }

  static std::optional<double> temperature_c() {
    auto all = numbers_below("/sys/class/hwmon", "hwmon", "temp", "_input");
    if (all.empty()) all = numbers_below("/sys/class/thermal", "thermal_zone", "temp", "");
    if (all.empty()) return std::nullopt;
    return *std::max_element(all.begin(), all.end()) / 1e3;
  }

  static std::vector<int> allowed_cpus() {
    cpu_set_t set;
    std::vector<int> cpus;
    if (sched_getaffinity(0, sizeof set, &set) != 0) return cpus;
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
      if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
    }
    return cpus;
  }

  std::vector<double> cpu_;
  rusage usage_;
};

// Return the bytes in a line such as `VmHWM:  1234 kB`.
inline std::optional<int64_t> bytes_in(const char* file, const std::string& key) {
  std::ifstream lines(file);
  for (std::string line; std::getline(lines, line);) {
    if (line.rfind(key, 0) == 0) return std::stoll(line.substr(key.size())) * 1024;
  }
  return std::nullopt;
}

inline int64_t required_bytes(const std::string& key) {
  if (const auto found = bytes_in("/proc/self/status", key)) return *found;
  throw std::runtime_error("/proc/self/status has no line " + key);
}

inline int64_t resident_bytes() { return required_bytes("VmRSS:"); }
inline int64_t peak_resident_bytes() { return required_bytes("VmHWM:"); }
inline std::optional<int64_t> private_dirty_bytes() { return bytes_in("/proc/self/smaps_rollup", "Private_Dirty:"); }

// A file whose pages are counted in the page cache, dropped from it, or read into it.
class CachedFile {
 public:
  explicit CachedFile(const std::string& path) : file_(open(path.c_str(), O_RDONLY)) {
    struct stat facts {};
    if (file_ < 0 || fstat(file_, &facts) != 0) throw Failure("load", "the program cannot be read: " + path);
    size_ = static_cast<size_t>(facts.st_size);
  }
  CachedFile(const CachedFile&) = delete;
  CachedFile& operator=(const CachedFile&) = delete;
  ~CachedFile() { close(file_); }

  // Make the next reader fetch it from the disk; a failure of stage `load` if it stays.
  void drop() const {
    fsync(file_);  // pages that are not on the disk yet cannot be dropped
    posix_fadvise(file_, 0, 0, POSIX_FADV_DONTNEED);
    const auto stayed = share();
    if (!stayed) throw Failure("load", "this system does not report what is in its page cache");
    if (*stayed > kLittle) {
      throw Failure(
          "load",
          std::to_string(std::lround(*stayed * 100)) +
              "% of the file stayed in memory: its file system is in memory, or another process has mapped it");
    }
  }

  // Read all of it into the page cache, as far as memory allows.
  void fill() const {
    if (share() == 1.0) return;
    std::vector<char> part(1 << 22);
    lseek(file_, 0, SEEK_SET);
    while (read(file_, part.data(), part.size()) > 0) {
    }
  }

  // The share of its pages that are in memory, 0 to 1.
  std::optional<double> share() const {
    if (size_ == 0) return std::nullopt;
    void* view = mmap(nullptr, size_, PROT_READ, MAP_SHARED, file_, 0);
    if (view == MAP_FAILED) return std::nullopt;
    const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    std::vector<unsigned char> pages((size_ + page - 1) / page);
    const bool told = mincore(view, size_, pages.data()) == 0;
    munmap(view, size_);
    if (!told) return std::nullopt;
    const auto held = std::count_if(pages.begin(), pages.end(), [](unsigned char flags) { return flags & 1; });
    return static_cast<double>(held) / static_cast<double>(pages.size());
  }

 private:
  static constexpr double kLittle = 0.01;  // share that may stay, such as a page that another process uses
  int file_;
  size_t size_ = 0;
};

}  // namespace etbench
