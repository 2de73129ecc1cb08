// The native runner: runs a task of etbench/measure/worker/tasks.py in a fresh process, without Python.
//
// It reads a task from standard input, in the format of task.h, and answers on standard output with one line of JSON,
// a message of etbench/system/messages.py. Its argument is the stage of errors that do not name one; a second one is
// the time at which it was started, by the monotonic clock, in ns, or `held` if standard input stays open as long as
// the process is wanted. Without a task, `hold PATH` holds the lock for measuring, and `describe` prints facts.

#include <executorch/devtools/etdump/etdump_flatcc.h>
#include <sys/prctl.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "board.h"
#include "json_writer.h"
#include "machine.h"
#include "program.h"
#include "task.h"
#include "tensors.h"

namespace etbench {
namespace {

using Clock = std::chrono::steady_clock;

double since_ms(Clock::time_point start) {
  const std::chrono::nanoseconds spent = Clock::now() - start;
  return static_cast<double>(spent.count()) / 1e6;
}

template <typename Work>
double timed_ms(Work&& work) {
  const auto start = Clock::now();
  work();
  return since_ms(start);
}

// The pipe for answers. What libraries print on standard output goes to the log instead.
class Channel {
 public:
  Channel() : file_(fdopen(dup(STDOUT_FILENO), "w")) { dup2(STDERR_FILENO, STDOUT_FILENO); }

  void said(const std::string& text) { send(json::Writer().add("message_type", "said").add("text", text)); }

  void answer(const std::string& body) { send(json::Writer().add("message_type", "answer").raw("body", body)); }

  void failure(const std::string& stage, const std::string& message, const std::string& hint) {
    send(json::Writer()
             .add("message_type", "failure")
             .add("stage", stage)
             .add("message", message)
             .add("hint", hint)
             .add("kind", "NativeRunner")
             .add("traceback", ""));
  }

 private:
  void send(const json::Writer& message) {
    std::fprintf(file_, "%s\n", message.text().c_str());
    std::fflush(file_);
  }

  std::FILE* file_;
};

std::string program_of(const Task& task) { return task.folder + "/model.pte"; }
References references_of(const Task& task) { return References(task.folder + "/reference.safetensors", task); }

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const size_t half = values.size() / 2;
  return values.size() % 2 ? values[half] : (values[half - 1] + values[half]) / 2;
}

constexpr size_t kWindow = 10;  // inferences
constexpr double kLeastWarmupMs = 10;  // after the first inference, if one takes less
constexpr double kLeastSampleMs = 0.1;

// Return whether the warmup is complete, as `_warm` of etbench/measure/passes/rounds.py: it has the wanted count or,
// without one, the last window is no faster than the one before, by ranks.
bool warm(const std::vector<double>& times_ms, std::optional<size_t> wanted) {
  constexpr size_t kMost = 200;  // inferences
  if (wanted) return times_ms.size() >= *wanted;
  if (times_ms.size() < 2 * kWindow) return false;
  const auto last = times_ms.end() - kWindow, before = last - kWindow;
  size_t faster = 0;
  for (auto old = before; old != last; ++old) {
    faster += static_cast<size_t>(std::count_if(last, times_ms.end(), [&](double next) { return next < *old; }));
  }
  return 2 * faster <= kWindow * kWindow || times_ms.size() >= kMost;
}

// Return how many inferences take at least `kLeastSampleMs`.
size_t inferences_per_sample(const std::vector<double>& warming_ms) {
  const size_t window = std::min(kWindow, warming_ms.size());
  const double inference_ms = median({warming_ms.end() - window, warming_ms.end()});
  return inference_ms < kLeastSampleMs ? static_cast<size_t>(std::ceil(kLeastSampleMs / inference_ms)) : 1;
}

void tell_if_slow(double inference_s, size_t samples, size_t at_least, double time_left_s, Channel& channel) {
  if (inference_s < 1) return;
  const size_t room = static_cast<size_t>(time_left_s / inference_s) + 1;
  const size_t fitting = std::max(at_least, std::min(samples, room));
  char text[160];
  std::snprintf(
      text,
      sizeof text,
      "slow, but not hanging: one inference takes about %.1f s; timing %zu of %zu in this round, about %.0f s",
      inference_s,
      fitting,
      samples,
      static_cast<double>(fitting) * inference_s);
  channel.said(text);
}

// Load the program, warm up and time a number of inferences: `time_round` of etbench/measure/passes/rounds.py.
std::string time_round(const Task& task, Channel& channel) {
  const auto samples = task.count<size_t>("samples"), at_least = task.count<size_t>("at_least");
  const double time_left_s = task.number("time_left_s");
  std::optional<size_t> warmup;
  if (task.text("warmup") != "stable") warmup = task.count<size_t>("warmup");
  auto inputs = references_of(task).inputs(task.count<size_t>("reference"));
  const LoadWatch watch;
  std::optional<Program> program;
  const double load_ms = timed_ms([&] {
    program.emplace(program_of(task), task.threads);
    program->load_method();
  });
  program->use(std::move(inputs));
  const auto infer = [&] { program->infer(); };
  const auto begun = Clock::now();
  const auto spent_s = [&] { return since_ms(begun) / 1e3; };
  std::vector<double> warming_ms = {timed_ms(infer)}, taken_ms;
  const auto first_done = Clock::now();
  const auto long_enough = [&] {
    return warming_ms.back() >= kLeastWarmupMs || since_ms(first_done) >= kLeastWarmupMs;
  };
  while (!(warm(warming_ms, warmup) && long_enough()) && spent_s() < time_left_s / 4) {
    warming_ms.push_back(timed_ms(infer));
  }
  auto together = task.count<size_t>("inferences_per_sample");
  if (together == 0) together = inferences_per_sample(warming_ms);
  tell_if_slow(warming_ms.back() / 1e3, samples, at_least, time_left_s, channel);
  while (taken_ms.size() < samples && (taken_ms.size() < at_least || spent_s() < time_left_s)) {
    const double all_ms = timed_ms([&] {
      for (size_t i = 0; i < together; ++i) infer();
    });
    taken_ms.push_back(all_ms / static_cast<double>(together));
  }
  return json::Writer()
      .add("samples_ms", taken_ms)
      .add("load_ms", load_ms)
      .add("first_inference_ms", warming_ms[0])
      .add("warmup", warming_ms.size())
      .add("inferences_per_sample", together)
      .raw("load", watch.text())
      .text();
}

// Time the load of program and method and the first inference, once: etbench/measure/passes/load_time.py.
std::string time_load(const Task& task, std::optional<Clock::time_point> started) {
  std::optional<double> share;
  auto inputs = references_of(task).inputs(0);
  double waited_ms = 0;
  {
    const auto start = Clock::now();
    const CachedFile file(program_of(task));
    if (task.flag("cold")) {
      file.drop();
    } else {
      file.fill();
    }
    share = file.share();
    waited_ms = since_ms(start);  // does not count as start
  }
  std::optional<double> start_ms;
  if (started) start_ms = since_ms(*started) - waited_ms;
  std::optional<Program> program;
  const double program_ms = timed_ms([&] { program.emplace(program_of(task), task.threads); });
  const double method_ms = timed_ms([&] { program->load_method(); });
  program->use(std::move(inputs));
  const double first_ms = timed_ms([&] { program->infer(); });
  return json::Writer()
      .add("program_ms", program_ms)
      .add("method_ms", method_ms)
      .add("first_inference_ms", first_ms)
      .raw("cached_share", or_null(share))
      .raw("start_ms", or_null(start_ms))
      .text();
}

// Load the program, run it once and return the memory that this took: etbench/measure/passes/memory.py.
std::string measure_memory(const Task& task) {
  auto inputs = references_of(task).inputs(0);
  const int64_t baseline = resident_bytes();
  const auto dirty_before = private_dirty_bytes();
  Program program(program_of(task), task.threads);
  program.load_method();
  program.use(std::move(inputs));
  program.infer();
  const auto dirty = private_dirty_bytes();
  const int64_t peak = std::max(peak_resident_bytes(), baseline);
  return json::Writer()
      .add("baseline_bytes", baseline)
      .add("peak_bytes", peak)
      .add("peak_over_baseline_bytes", peak - baseline)
      .raw("private_dirty_bytes", dirty && dirty_before ? json::written(*dirty - *dirty_before) : "null")
      .text();
}

// Run the reference batches and write their outputs to a file, for Python to compare.
std::string write_outputs(const Task& task) {
  References references = references_of(task);
  Program program(program_of(task), task.threads);
  program.load_method();
  Outputs outputs;
  for (size_t batch = 0; references.has(batch); ++batch) {
    program.use(references.inputs(batch));
    program.infer();
    size_t number = 0;
    for (const EValue& value : program.outputs()) {
      if (!value.isTensor()) continue;
      outputs.add("output." + std::to_string(batch) + "." + std::to_string(number++), value.toTensor());
    }
  }
  outputs.write(task.text("file"));
  std::vector<std::string> backends;
  for (size_t i = 0; i < executorch::runtime::get_num_registered_backends(); ++i) {
    if (const auto name = executorch::runtime::get_backend_name(i); name.ok()) backends.emplace_back(*name);
  }
  std::sort(backends.begin(), backends.end());
  return json::Writer().add("threads", thread_count()).add("runtimes", backends).text();
}

// Run the program with the runtime's profiler on and write what it recorded to a file, for Python to read: the first part
// of `profile_program` of etbench/measure/passes/profiling.py.
std::string trace(const Task& task) {
  const auto samples = task.count<size_t>("samples"), at_least = task.count<size_t>("at_least");
  const double time_left_s = task.number("time_left_s");
  executorch::etdump::ETDumpGen recorded;  // the program, which is destroyed before it, refers to it
  Program program(program_of(task), task.threads);
  program.load_method(&recorded);
  program.use(references_of(task).inputs(0));
  program.infer();  // a warmup, which Python leaves out
  const auto begun = Clock::now();
  size_t taken = 0;
  while (taken < at_least || (taken < samples && since_ms(begun) / 1e3 < time_left_s)) {
    program.infer();
    ++taken;
  }
  const auto dump = recorded.get_etdump_data();
  const std::string path = task.text("file");
  std::ofstream file(path, std::ios::binary);
  file.write(static_cast<const char*>(dump.buf), static_cast<std::streamsize>(dump.size));
  if (!file.flush()) throw std::runtime_error("the profile cannot be written: " + path);
  std::free(dump.buf);
  return json::Writer().add("inferences", taken).text();
}

std::string perform(const Task& task, std::optional<Clock::time_point> started, Channel& channel) {
  set_runtime_options(task);
  if (task.name == "round") return time_round(task, channel);
  if (task.name == "load") return time_load(task, started);
  if (task.name == "memory") return measure_memory(task);
  if (task.name == "outputs") return write_outputs(task);
  if (task.name == "trace") return trace(task);
  throw std::runtime_error("the native runner has no task " + shown(task.name));
}

}  // namespace
}  // namespace etbench

int main(int count, char** arguments) {
  using namespace etbench;
  prctl(PR_SET_PDEATHSIG, SIGKILL);  // this process does not outlive its parent
  const std::string mode = count > 1 ? arguments[1] : "", extra = count > 2 ? arguments[2] : "";
  if (mode == "hold") return hold_turn(extra);
  if (mode == "describe") return std::printf("%s\n", own_facts().c_str()) < 0;
  std::optional<Clock::time_point> started;
  const bool held = extra == "held";
  if (count > 2 && !held) started = Clock::time_point(std::chrono::nanoseconds(std::atoll(arguments[2])));
  Channel channel;
  try {
    channel.answer(perform(Task(read_task(held)), started, channel));
  } catch (const Failure& failure) {
    channel.failure(failure.stage, failure.what(), failure.hint);
  } catch (const std::exception& error) {
    channel.failure(mode.empty() ? "native" : mode, error.what(), "");
  }
  std::fflush(nullptr);
  _exit(0);  // destructors of native libraries have crashed here, after the work was done
}
