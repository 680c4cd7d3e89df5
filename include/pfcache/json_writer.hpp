// Writing JSON, in the order given: compact, or laid out for people.
//
// Example:
//
//   #include <pfcache/json_writer.hpp>
//   #include <iostream>
//
//   int main() {
//     pfcache::JsonWriter json;
//     json.begin_object().field("pages", 3).field("name", "chat").end_object();
//     std::cout << json.text() << '\n';  // prints {"pages":3,"name":"chat"}
//   }
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#pragma GCC visibility push(default)
namespace pfcache {

/// Appends `text` as a JSON string: `\" \\ \b \f \n \r \t`, other control characters as `\u00xx` in lower case,
/// everything else raw (the rule of pf-cache's manifests).
void append_json_string(std::string& out, std::string_view text);

/// Builds one JSON value. Commas are placed by the writer; the caller balances begin and end.
class JsonWriter {
 public:
  enum class Layout {
    compact,
    two_spaces,  ///< one value a line, two spaces a level: as Rust's serde_json and JavaScript lay it out
  };

  JsonWriter() = default;
  explicit JsonWriter(Layout layout) : layout_(layout) {}

  JsonWriter& begin_object() { return open('{'); }
  JsonWriter& end_object() { return close('}'); }
  JsonWriter& begin_array() { return open('['); }
  JsonWriter& end_array() { return close(']'); }

  JsonWriter& key(std::string_view name);
  JsonWriter& value(std::string_view text);
  JsonWriter& value(const char* text) { return value(std::string_view(text)); }
  JsonWriter& value(std::uint64_t number);
  JsonWriter& value(std::int64_t number);
  JsonWriter& value(std::uint32_t number) { return value(std::uint64_t{number}); }
  JsonWriter& value(int number) { return value(std::int64_t{number}); }
  /// Shortest decimal that reads back as the same double; NaN and infinities become null.
  JsonWriter& value(double number);
  JsonWriter& value(bool truth);
  JsonWriter& null();
  /// null when there is nothing.
  template <typename T>
  JsonWriter& value(const std::optional<T>& content) {
    return content ? value(*content) : null();
  }

  template <typename T>
  JsonWriter& field(std::string_view name, const T& content) {
    return key(name).value(content);
  }

  /// What was written so far; complete once everything begun has been ended.
  [[nodiscard]] const std::string& text() const noexcept { return text_; }
  [[nodiscard]] std::string take() noexcept { return std::move(text_); }

 private:
  JsonWriter& open(char bracket);
  JsonWriter& close(char bracket);
  void separate();
  void break_line();

  Layout layout_ = Layout::compact;
  std::size_t depth_ = 0;
  std::string text_;
  bool needs_comma_ = false;
  bool follows_key_ = false;
};

}  // namespace pfcache
#pragma GCC visibility pop
