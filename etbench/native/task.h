// A task as etbench/native/task.py writes it: fields `key=value`, a NUL byte after each, an empty field at the end.
#pragma once

#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>

namespace etbench {

// Return a text as messages show it: in quotation marks, and shortened if it is long.
inline std::string shown(std::string_view text) {
  constexpr size_t kMost = 80;  // bytes
  return '"' + std::string(text.substr(0, kMost)) + (text.size() > kMost ? "…" : "") + '"';
}

[[noreturn]] inline void refuse_field(std::string_view key, std::string_view value, const std::string& wanted) {
  throw std::runtime_error("the task's " + shown(key) + " is " + shown(value) + ", which is not " + wanted);
}

// Return the whole number that is written in a field, or in a part of it.
template <typename Unsigned>
Unsigned count_in(std::string_view key, std::string_view value) {
  Unsigned count = 0;
  const char* end = value.data() + value.size();
  const auto [stop, error] = std::from_chars(value.data(), end, count);
  if (error != std::errc() || stop != end) {
    refuse_field(key, value, "a whole number from 0 to " + std::to_string(std::numeric_limits<Unsigned>::max()));
  }
  return count;
}

// The fields of a task, and those that every task has: what to do, with which program, in how many threads.
class Task {
  using Fields = std::map<std::string, std::string, std::less<>>;
  const Fields fields_;  // declared first: the members below are read from it

 public:
  explicit Task(std::string_view written)
      : fields_(read(written)), name(text("task")), folder(text("folder")), threads(count<uint32_t>("threads")) {}

  // Return the value of a field, or nothing if the task does not have it.
  const std::string* find(std::string_view key) const {
    const auto found = fields_.find(key);
    return found == fields_.end() ? nullptr : &found->second;
  }

  const std::string& text(std::string_view key) const {
    if (const std::string* found = find(key)) return *found;
    throw std::runtime_error("the task has no " + shown(key));
  }

  template <typename Unsigned>
  Unsigned count(std::string_view key) const {
    return count_in<Unsigned>(key, text(key));
  }

  double number(std::string_view key) const {
    const std::string& value = text(key);
    char* stop = nullptr;
    const double found = std::strtod(value.c_str(), &stop);
    if (value.empty() || stop != value.c_str() + value.size()) refuse_field(key, value, "a number");
    return found;
  }

  bool flag(std::string_view key) const {
    const std::string& value = text(key);
    if (value != "true" && value != "false") refuse_field(key, value, "true or false");
    return value == "true";
  }

  const std::string name, folder;
  const uint32_t threads;

 private:
  static Fields read(std::string_view written) {
    if (written.empty()) throw std::runtime_error("the task is empty");
    Fields fields;
    size_t at = 0;
    while (true) {
      const size_t end = written.find('\0', at);
      if (end == std::string_view::npos) {
        throw std::runtime_error("the task is truncated at byte " + std::to_string(written.size()));
      }
      const std::string_view field = written.substr(at, end - at);
      at = end + 1;
      if (field.empty()) break;
      const size_t equals = field.find('=');
      if (equals == std::string_view::npos) {
        throw std::runtime_error("the task's field " + shown(field) + " has no value");
      }
      const std::string_view key = field.substr(0, equals);
      if (!fields.emplace(key, field.substr(equals + 1)).second) {
        throw std::runtime_error("the task has " + shown(key) + " twice");
      }
    }
    if (at != written.size()) {
      throw std::runtime_error("the task continues after its end at byte " + std::to_string(at));
    }
    return fields;
  }
};

}  // namespace etbench
