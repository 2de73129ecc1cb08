// JSON as the tasks and safetensors use it: a reader of whole documents, and a writer of flat objects.
#pragma once

#include <cctype>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace etbench::json {

// A value that was read. Numbers are doubles: whole ones are exact up to 2^53, which no size here reaches.
class Value {
 public:
  using Array = std::vector<Value>;
  using Object = std::vector<std::pair<std::string, Value>>;

  Value() = default;
  explicit Value(bool value) : content_(value) {}
  explicit Value(double value) : content_(value) {}
  explicit Value(std::string value) : content_(std::move(value)) {}
  explicit Value(Array value) : content_(std::move(value)) {}
  explicit Value(Object value) : content_(std::move(value)) {}

  bool null() const { return std::holds_alternative<std::monostate>(content_); }
  bool boolean() const { return as<bool>("true or false"); }
  double number() const { return as<double>("a number"); }
  const std::string& text() const { return as<std::string>("a string"); }
  const Array& array() const { return as<Array>("an array"); }
  const Object& object() const { return as<Object>("an object"); }
  bool is_text() const { return std::holds_alternative<std::string>(content_); }

  // The value of a key, or nothing where the object has none.
  const Value* find(std::string_view key) const {
    for (const auto& [name, value] : object()) {
      if (name == key) return &value;
    }
    return nullptr;
  }

  const Value& at(std::string_view key) const {
    if (const Value* found = find(key)) return *found;
    throw std::runtime_error("there is no \"" + std::string(key) + "\" in the JSON");
  }

 private:
  template <typename T>
  const T& as(const char* what) const {
    if (const T* found = std::get_if<T>(&content_)) return *found;
    throw std::runtime_error(std::string("the JSON has something else than ") + what + " where one belongs");
  }

  std::variant<std::monostate, bool, double, std::string, Array, Object> content_;
};

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  // Read the whole text as one value.
  Value document() {
    Value value = element();
    skip_space();
    if (at_ != text_.size()) fail("more than one value");
    return value;
  }

 private:
  Value element() {
    skip_space();
    switch (peek()) {
      case '{':
        return members();
      case '[':
        return elements();
      case '"':
        return Value(string());
      case 't':
        return word("true", Value(true));
      case 'f':
        return word("false", Value(false));
      case 'n':
        return word("null", Value());
      default:
        return Value(number());
    }
  }

  Value members() {
    Value::Object found;
    take('{');
    for (skip_space(); peek() != '}'; skip_space()) {
      if (!found.empty()) take(',');
      skip_space();
      std::string key = string();
      skip_space();
      take(':');
      found.emplace_back(std::move(key), element());
    }
    take('}');
    return Value(std::move(found));
  }

  Value elements() {
    Value::Array found;
    take('[');
    for (skip_space(); peek() != ']'; skip_space()) {
      if (!found.empty()) take(',');
      found.push_back(element());
    }
    take(']');
    return Value(std::move(found));
  }

  std::string string() {
    std::string found;
    take('"');
    while (peek() != '"') {
      char next = text_[at_++];
      if (next == '\\') {
        escaped(found);
      } else {
        found += next;
      }
    }
    take('"');
    return found;
  }

  void escaped(std::string& into) {
    static constexpr std::string_view names = "\"\\/bfnrt", meant = "\"\\/\b\f\n\r\t";
    char name = peek();
    ++at_;
    if (name == 'u') {  // msgspec and safetensors write so what is below a space, and nothing else
      const std::string digits(text_.substr(at_, 4));
      at_ += digits.size();
      char* end = nullptr;
      const long code = std::strtol(digits.c_str(), &end, 16);
      if (digits.size() < 4 || *end != '\0' || code >= 0x80) fail("an escape beyond ASCII");
      into += static_cast<char>(code);
      return;
    }
    const size_t which = names.find(name);
    if (which == std::string_view::npos) fail("an unknown escape");
    into += meant[which];
  }

  double number() {
    std::string digits;
    while (at_ < text_.size() && (std::isalnum(static_cast<unsigned char>(text_[at_])) ||
                                  std::string_view("+-.").find(text_[at_]) != std::string_view::npos)) {
      digits += text_[at_++];
    }
    char* end = nullptr;
    double value = std::strtod(digits.c_str(), &end);
    if (digits.empty() || *end != '\0') fail("no number");
    return value;
  }

  Value word(std::string_view expected, Value meaning) {
    if (text_.substr(at_, expected.size()) != expected) fail("an unknown word");
    at_ += expected.size();
    return meaning;
  }

  void skip_space() {
    while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_]))) ++at_;
  }

  char peek() const {
    if (at_ >= text_.size()) fail("its end too early");
    return text_[at_];
  }

  void take(char expected) {
    if (peek() != expected) fail(std::string("no '") + expected + "'");
    ++at_;
  }

  [[noreturn]] void fail(const std::string& found) const {
    throw std::runtime_error("the JSON has " + found + " at byte " + std::to_string(at_));
  }

  std::string_view text_;
  size_t at_ = 0;
};

inline std::string quoted(std::string_view text) {
  std::string written = "\"";
  for (char next : text) {
    if (next == '"' || next == '\\') {
      written += '\\';
      written += next;
    } else if (static_cast<unsigned char>(next) < 0x20) {
      char code[8];
      std::snprintf(code, sizeof code, "\\u%04x", static_cast<unsigned>(next));
      written += code;
    } else {
      written += next;
    }
  }
  return written + '"';
}

inline std::string written(const std::string& text) { return quoted(text); }
inline std::string written(const char* text) { return quoted(text); }

template <typename Integer, std::enable_if_t<std::is_integral_v<Integer>, int> = 0>
std::string written(Integer value) {
  return std::to_string(value);
}

// Write a double so that it reads back as the same; what is not finite is null, as JSON has no word for it.
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
    body_ += (body_.empty() ? "" : ",") + quoted(key) + ':';
    body_ += value;
    return *this;
  }

  std::string text() const { return '{' + body_ + '}'; }

 private:
  std::string body_;
};

}  // namespace etbench::json
