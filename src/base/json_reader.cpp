#include "base/json_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <set>

namespace pfcache {
namespace {

// Above this many fields repeats are looked for in a set: an object made to be slow must not be.
constexpr std::size_t kLinearFields = 16;

bool exceeds_64_bits(std::string_view number) {
  const char* const end = number.data() + number.size();
  std::int64_t below_zero = 0;
  std::uint64_t value = 0;
  const auto result = number.starts_with('-') ? std::from_chars(number.data(), end, below_zero)
                                              : std::from_chars(number.data(), end, value);
  return result.ptr == end && result.ec == std::errc::result_out_of_range;
}

/// The last string that ends before `at`, and so the key of the value there, or of the array around it. For messages.
std::string_view key_before(std::string_view text, std::size_t at) {
  const std::size_t close = text.rfind('"', at);
  if (close == std::string_view::npos || close == 0) return {};
  const std::size_t open = text.rfind('"', close - 1);
  return open == std::string_view::npos ? std::string_view() : text.substr(open + 1, close - open - 1);
}

/// The key of the first integer that is too long for simdjson, which doesn't say where it stands; empty when there
/// is none.
std::string_view field_of_huge_integer(std::string_view text) {
  bool is_in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '"') is_in_string = !is_in_string;
    if (is_in_string && text[i] == '\\') ++i;
    if (is_in_string || i >= text.size() || (text[i] != '-' && (text[i] < '0' || text[i] > '9'))) continue;
    const std::size_t end = std::min(text.find_first_not_of("-+.eE0123456789", i), text.size());
    if (exceeds_64_bits(text.substr(i, end - i))) return key_before(text, i);
    i = end - 1;
  }
  return {};
}

}  // namespace

JsonObject::JsonObject(simdjson::dom::element element, const Place& place) : place_(place) {
  simdjson::dom::object object;
  if (element.get_object().get(object) != simdjson::SUCCESS) {
    throw Error(Errc::malformed, fmt::format("{}: expected an object", where()));
  }
  std::set<std::string_view> seen;
  for (const auto& [key, value] : object) {
    const bool repeats = fields_.size() < kLinearFields ? find(key) != nullptr : seen.contains(key);
    if (repeats) throw Error(Errc::malformed, fmt::format("{}: field '{}' appears twice", where(), key));
    fields_.push_back({key, value});
    if (fields_.size() == kLinearFields) {
      for (const Field& field : fields_) seen.insert(field.key);
    } else if (fields_.size() > kLinearFields) {
      seen.insert(key);
    }
  }
}

std::string JsonObject::where() const {
  if (place_.array.empty()) return std::string(place_.document);
  return fmt::format("{}: {}[{}]", place_.document, place_.array, place_.index);
}

const simdjson::dom::element* JsonObject::find(std::string_view key) const noexcept {
  for (const Field& field : fields_) {
    if (field.key == key) return &field.value;
  }
  return nullptr;
}

const simdjson::dom::element& JsonObject::require(std::string_view key) const {
  const auto* value = find(key);
  if (value == nullptr) throw Error(Errc::malformed, fmt::format("{}: field '{}' is missing", where(), key));
  return *value;
}

void JsonObject::refuse(std::string_view key, std::string_view expected) const {
  // What was found is quoted, but not at any length.
  constexpr std::size_t kMaxQuoted = 60;
  std::string found = simdjson::minify(require(key));
  if (found.size() > kMaxQuoted) found = found.substr(0, kMaxQuoted) + "…";
  throw Error(Errc::malformed, fmt::format("{}: field '{}': expected {}, found {}", where(), key, expected, found));
}

std::string_view JsonObject::text(std::string_view key) const {
  std::string_view value;
  if (require(key).get_string().get(value) != simdjson::SUCCESS) refuse(key, "a string");
  return value;
}

std::uint32_t JsonObject::u32(std::string_view key) const {
  std::uint64_t value = 0;
  if (require(key).get_uint64().get(value) != simdjson::SUCCESS || value > std::numeric_limits<std::uint32_t>::max()) {
    refuse(key, "an integer from 0 to 4294967295");
  }
  return static_cast<std::uint32_t>(value);
}

std::uint64_t JsonObject::u64(std::string_view key) const {
  std::uint64_t value = 0;
  if (require(key).get_uint64().get(value) != simdjson::SUCCESS) refuse(key, "an integer from 0 to 2^64 - 1");
  return value;
}

std::int64_t JsonObject::i64(std::string_view key) const {
  std::int64_t value = 0;
  if (require(key).get_int64().get(value) != simdjson::SUCCESS) refuse(key, "an integer of 64 bits");
  return value;
}

bool JsonObject::boolean(std::string_view key) const {
  bool value = false;
  if (require(key).get_bool().get(value) != simdjson::SUCCESS) refuse(key, "true or false");
  return value;
}

bool JsonObject::is_null(std::string_view key) const noexcept {
  const auto* value = find(key);
  return value == nullptr || value->is_null();
}

std::optional<double> JsonObject::optional_f64(std::string_view key) const {
  if (is_null(key)) return std::nullopt;
  double value = 0;
  if (require(key).get_double().get(value) != simdjson::SUCCESS) refuse(key, "a number or null");
  return value;
}

std::optional<std::uint64_t> JsonObject::optional_u64(std::string_view key) const {
  if (is_null(key)) return std::nullopt;
  return u64(key);
}

JsonArray JsonObject::array(std::string_view key) const {
  simdjson::dom::array value;
  if (require(key).get_array().get(value) != simdjson::SUCCESS) refuse(key, "an array");
  return {value, place_, key};
}

template <typename Number>
std::vector<Number> JsonArray::numbers() const {
  constexpr std::uint64_t kLimit = std::numeric_limits<Number>::max();
  std::vector<Number> values;
  for (const simdjson::dom::element element : elements_) {
    std::uint64_t value = 0;
    if (element.get_uint64().get(value) != simdjson::SUCCESS || value > kLimit) {
      throw Error(Errc::malformed, fmt::format("{}: field '{}': element {}: expected an integer from 0 to {}",
                                               place_.document, key_, values.size(), kLimit));
    }
    values.push_back(static_cast<Number>(value));
  }
  return values;
}

std::vector<std::uint32_t> JsonArray::u32s() const { return numbers<std::uint32_t>(); }

std::vector<std::uint64_t> JsonArray::u64s() const { return numbers<std::uint64_t>(); }

JsonDocument::JsonDocument(std::string_view text, std::string_view name) : name_(name) {
  // simdjson copies from the text even when there is none.
  if (text.empty()) throw Error(Errc::malformed, fmt::format("{}: not JSON: empty", name));
  const auto error = parser_.parse(text.data(), text.size()).get(root_);
  if (error != simdjson::SUCCESS) {
    const std::string_view field = error == simdjson::NUMBER_ERROR ? field_of_huge_integer(text) : std::string_view();
    if (!field.empty()) {
      throw Error(Errc::malformed, fmt::format("{}: field '{}': an integer of more than 64 bits", name, field));
    }
    throw Error(Errc::malformed, fmt::format("{}: not JSON: {}", name, simdjson::error_message(error)));
  }
}

JsonObject JsonDocument::root() const { return {root_, {name_, {}, 0}}; }

}  // namespace pfcache
