// Reading JSON strictly: the whole text must be one value, keys must not repeat, and each error names its field.
//
// A thin layer over simdjson, and the only place that knows it.
#pragma once

#include <simdjson.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pfcache/error.hpp"

namespace pfcache {

class JsonArray;

/// The fields of an object, by name. Borrowed from a JsonDocument, which must outlive it.
class JsonObject {
 public:
  /// True when the field is there, null included.
  [[nodiscard]] bool has(std::string_view key) const noexcept { return find(key) != nullptr; }

  /// Each of these throws Errc::malformed, naming the field, when it is missing or of another type.
  [[nodiscard]] std::string_view text(std::string_view key) const;
  [[nodiscard]] std::uint32_t u32(std::string_view key) const;
  [[nodiscard]] std::uint64_t u64(std::string_view key) const;
  [[nodiscard]] std::int64_t i64(std::string_view key) const;
  [[nodiscard]] bool boolean(std::string_view key) const;
  /// Nothing for a field that is missing or null.
  [[nodiscard]] std::optional<double> optional_f64(std::string_view key) const;
  [[nodiscard]] std::optional<std::uint64_t> optional_u64(std::string_view key) const;
  [[nodiscard]] JsonArray array(std::string_view key) const;

  /// What messages call this object, e.g. `manifest: pages[3]`.
  [[nodiscard]] std::string where() const;

 private:
  friend class JsonDocument;
  friend class JsonArray;
  struct Field {
    std::string_view key;
    simdjson::dom::element value;
  };
  struct Place {  // where an object stands, spelt out only for messages
    std::string_view document;
    std::string_view array;
    std::size_t index = 0;
  };

  JsonObject(simdjson::dom::element element, const Place& place);
  [[nodiscard]] const simdjson::dom::element* find(std::string_view key) const noexcept;
  [[nodiscard]] bool is_null(std::string_view key) const noexcept;
  [[nodiscard]] const simdjson::dom::element& require(std::string_view key) const;
  [[noreturn]] void refuse(std::string_view key, std::string_view expected) const;

  Place place_;
  std::vector<Field> fields_;
};

/// The elements of an array. Borrowed from a JsonDocument.
class JsonArray {
 public:
  [[nodiscard]] std::size_t size() const noexcept { return elements_.size(); }

  /// Each of these throws Errc::malformed, naming the element, when one is of another type.
  template <typename Visit>
  void for_each_object(Visit&& visit) const {
    std::size_t index = 0;
    for (const simdjson::dom::element element : elements_) {
      visit(JsonObject(element, {place_.document, key_, index++}));
    }
  }
  [[nodiscard]] std::vector<std::uint32_t> u32s() const;
  [[nodiscard]] std::vector<std::uint64_t> u64s() const;

 private:
  friend class JsonObject;
  template <typename Number>
  [[nodiscard]] std::vector<Number> numbers() const;
  JsonArray(simdjson::dom::array elements, const JsonObject::Place& place, std::string_view key)
      : elements_(elements), place_(place), key_(key) {}

  simdjson::dom::array elements_;
  JsonObject::Place place_;
  std::string_view key_;
};

/// A parsed text. Not copied into memory twice: views into it stay valid while the document lives.
class JsonDocument {
 public:
  /// `name` is what messages call the text; it must outlive the document. Throws: Errc::malformed.
  JsonDocument(std::string_view text, std::string_view name);

  /// The text as an object. Throws: Errc::malformed when it is something else, or a key repeats.
  [[nodiscard]] JsonObject root() const;

 private:
  std::string_view name_;
  simdjson::dom::parser parser_;
  simdjson::dom::element root_;
};

}  // namespace pfcache
