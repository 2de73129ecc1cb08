// What a runner does on a machine that is reached over a connection, and that needs no other program of etbench.
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <sys/auxv.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "json_writer.h"

namespace etbench {

constexpr int kLost = 3;  // exit status after a lost connection
constexpr std::chrono::seconds kSilence(30), kTellEvery(60);
constexpr std::chrono::milliseconds kPoll(100);

// Return the task on standard input. If it is held open, the empty field is its end, and the process then ends with it.
inline std::string read_task(bool held) {
  std::string asked;
  const std::string_view end("\0\0", 2);
  char part[4096];
  while (true) {
    const ssize_t got = read(STDIN_FILENO, part, sizeof part);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return asked;
    asked.append(part, static_cast<size_t>(got));
    const bool whole = asked.size() >= 2 && std::string_view(asked).substr(asked.size() - 2) == end;
    if (held && whole) break;
  }
  if (!held) return asked;
  std::thread([] {  // sleeps until the connection ends
    char beat[64];
    while (true) {
      const ssize_t got = read(STDIN_FILENO, beat, sizeof beat);
      if (got == 0 || (got < 0 && errno != EINTR)) _exit(kLost);
    }
  }).detach();
  return asked;
}

// Open the lock of etbench/system/locks.py, or create it for all users; -1 if that is not possible.
inline int opened_lock(const std::string& path) {
  constexpr int kFlags = O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
  while (true) {
    int file = open(path.c_str(), O_RDWR | kFlags);
    if (file < 0 && errno == EACCES) file = open(path.c_str(), O_RDONLY | kFlags);
    if (file >= 0 || errno != ENOENT) return file;
    file = open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | kFlags, 0666);
    if (file >= 0) fchmod(file, 0666);  // whatever the umask
    if (file >= 0 || errno != EEXIST) return file;
  }
}

// Take the lock; 0 while another process has it, -1 if it cannot be taken.
inline int tried_lock(const std::string& path) {
  const int file = opened_lock(path);
  if (file < 0) return -1;
  struct stat held {}, there {};
  if (flock(file, LOCK_EX | LOCK_NB) == 0) {
    if (fstat(file, &held) == 0 && stat(path.c_str(), &there) == 0 && held.st_ino == there.st_ino) return 1;
  } else if (errno != EWOULDBLOCK) {
    return -1;
  }
  close(file);
  return 0;
}

// Hold the lock for measuring until the connection is lost: its other end sends a line every few seconds.
inline int hold_turn(const std::string& path) {
  using Clock = std::chrono::steady_clock;
  auto heard = Clock::now();
  const auto connected = [&heard](std::chrono::milliseconds wait) {
    pollfd input{STDIN_FILENO, POLLIN, 0};
    char beat[64];
    if (poll(&input, 1, static_cast<int>(wait.count())) > 0) {
      const ssize_t got = read(STDIN_FILENO, beat, sizeof beat);
      if (got == 0 || (got < 0 && errno != EINTR)) return false;
      heard = Clock::now();
    }
    return Clock::now() - heard < kSilence;
  };
  const auto say = [](const std::string& line) {
    std::printf("%s\n", line.c_str());
    std::fflush(stdout);
  };
  auto told = Clock::time_point::min();
  for (int taken = 0; (taken = tried_lock(path)) != 1;) {
    if (taken < 0) {
      say("cannot take the lock for measuring: " + path + ": " + std::strerror(errno));
      return 1;
    }
    if (told == Clock::time_point::min() || Clock::now() - told >= kTellEvery) {
      say("waiting");
      told = Clock::now();
    }
    if (!connected(kPoll)) return kLost;
  }
  say("ready");
  while (connected(std::chrono::seconds(1))) {
  }
  return 0;
}

inline std::vector<std::string> words_in(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::vector<std::string> words;
  for (std::string word; std::getline(file, word, '\0');) words.push_back(word);
  return words;
}

// Return the emulator that runs this process with the CPU that it was told to be, such as "qemu-aarch64, CPU
// cortex-a76"; empty without one. An emulator of programs answers for /proc/self only: its task has the same files.
inline std::string emulator() {
  const std::string task = "/proc/self/task/" + std::to_string(getpid());
  std::error_code absent;
  const auto own = std::filesystem::read_symlink("/proc/self/exe", absent);
  const auto real = std::filesystem::read_symlink(task + "/exe", absent);
  if (absent || own.empty() || own == real) return "";
  std::string cpu;
  for (const std::string& word : words_in(task + "/environ")) {
    if (word.rfind("QEMU_CPU=", 0) == 0) cpu = word.substr(std::strlen("QEMU_CPU="));
  }
  const auto words = words_in(task + "/cmdline");
  for (size_t i = 0; i + 1 < words.size(); ++i) {
    if (words[i] == "-cpu") cpu = words[i + 1];
  }
  return real.filename().string() + ", CPU " + (cpu.empty() ? "by default" : cpu);
}

// Return the vector extensions that this process may use, by the kernel's names; none is reported on other machines.
inline std::vector<std::string> vector_extensions() {
  std::vector<std::string> found;
#ifdef __aarch64__
  constexpr std::pair<unsigned long, const char*> first[] = {
      {1ul << 1, "asimd"}, {1ul << 10, "asimdhp"}, {1ul << 12, "asimdrdm"}, {1ul << 20, "asimddp"},
      {1ul << 22, "sve"}, {1ul << 23, "asimdfhm"}};
  constexpr std::pair<unsigned long, const char*> second[] = {
      {1ul << 1, "sve2"}, {1ul << 13, "i8mm"}, {1ul << 14, "bf16"}, {1ul << 23, "sme"}, {1ul << 37, "sme2"}};
  for (const auto& [bit, name] : first) {
    if (getauxval(AT_HWCAP) & bit) found.emplace_back(name);
  }
  for (const auto& [bit, name] : second) {
    if (getauxval(AT_HWCAP2) & bit) found.emplace_back(name);
  }
#endif
  return found;
}

// Return what only a process there can tell about its machine, as etbench/host/board_facts.py reads it.
inline std::string own_facts() {
  return json::Writer().add("emulator", emulator()).add("extensions", vector_extensions()).text();
}

}  // namespace etbench
