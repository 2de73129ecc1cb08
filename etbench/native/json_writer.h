// JSON as the runner writes it, in its answers and in the header of a safetensors file: flat objects and lists.
#pragma once

#include <cmath>
#include <cstdio>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace etbench::json {

// Return how many bytes the first character of a text has; 0 if they are not UTF-8.
inline size_t utf8_bytes(std::string_view text) {
  const auto first = static_cast<unsigned char>(text[0]);
  if (first < 0x80) return 1;
  const size_t bytes = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  if (first < 0xc0 || first >= 0xf8 || text.size() < bytes) return 0;
  unsigned code = first & (0x7fu >> bytes);
  for (size_t i = 1; i < bytes; ++i) {
    const auto next = static_cast<unsigned char>(text[i]);
    if ((next & 0xc0) != 0x80) return 0;
    code = code << 6 | (next & 0x3fu);
  }
  constexpr unsigned least[] = {0x80, 0x800, 0x10000};  // smaller codes have shorter forms
  const bool surrogate = code >= 0xd800 && code < 0xe000;
  return code >= least[bytes - 2] && code <= 0x10ffff && !surrogate ? bytes : 0;
}

// Names of files may be any bytes, and JSON is UTF-8: each byte that is not becomes U+FFFD.
inline std::string quoted(std::string_view text) {
  std::string written = "\"";
  while (!text.empty()) {
    const char next = text[0];
    const size_t bytes = utf8_bytes(text);
    if (bytes == 0) {
      written += "\xef\xbf\xbd";
    } else if (next == '"' || next == '\\') {
      written += '\\';
      written += next;
    } else if (static_cast<unsigned char>(next) < 0x20) {
      char code[8];
      std::snprintf(code, sizeof code, "\\u%04x", static_cast<unsigned>(next));
      written += code;
    } else {
      written += text.substr(0, bytes);
    }
    text.remove_prefix(bytes == 0 ? 1 : bytes);
  }
  return written + '"';
}

inline std::string written(const std::string& text) { return json::quoted(text); }
inline std::string written(const char* text) { return json::quoted(text); }

template <typename Integer, std::enable_if_t<std::is_integral_v<Integer>, int> = 0>
std::string written(Integer value) {
  return std::to_string(value);
}

// Write a double so that it reads back as the same; what is not finite is null, since JSON cannot represent it.
inline std::string written(double value) {
  if (!std::isfinite(value)) return "null";
  char digits[32];
  std::snprintf(digits, sizeof digits, "%.17g", value);
  return digits;
}

template <typename T>
std::string written(const std::vector<T>& values) {
  std::string list = "[";
  for (const T& value : values) list += (list.size() > 1 ? "," : "") + written(value);
  return list + ']';
}

// An object that is being written; values that are written already go in by `raw`.
class Writer {
 public:
  template <typename T>
  Writer& add(std::string_view key, const T& value) {
    return raw(key, written(value));
  }

  Writer& raw(std::string_view key, std::string_view value) {
    body_ += (body_.empty() ? "" : ",") + json::quoted(key) + ':';
    body_ += value;
    return *this;
  }

  std::string text() const { return '{' + body_ + '}'; }

 private:
  std::string body_;
};

}  // namespace etbench::json
