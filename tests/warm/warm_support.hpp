// A store of warm starts, a clock to set, and a look at its files.
#pragma once

#include <chrono>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pfcache/warm_start_store.hpp"
#include "support/temp_dir.hpp"

namespace pfcache::test {

[[nodiscard]] Fingerprint key_for(std::string_view text);

[[nodiscard]] std::span<const std::byte> bytes_of(std::string_view text);
[[nodiscard]] std::string text_of(const std::vector<std::byte>& bytes);

/// What lookup() gives, as text; "-" for nothing.
[[nodiscard]] std::string payload_of(const WarmStartStore& store, const Fingerprint& key);

/// A time that stands still until it is moved.
struct FakeTime {
  std::chrono::nanoseconds now = std::chrono::seconds(1'700'000'000);

  [[nodiscard]] std::function<std::chrono::nanoseconds()> reader() {
    return [this] { return now; };
  }
};

/// A store in a directory of its own.
struct TempStore {
  explicit TempStore(WarmStartOptions options = {}) : store(WarmStartStore::open(dir.path() / "warm", options)) {}

  [[nodiscard]] std::filesystem::path key_dir(const Fingerprint& key) const { return store.root() / key.hex(); }
  [[nodiscard]] std::filesystem::path json(const Fingerprint& key, const std::string& run) const {
    return key_dir(key) / (run + ".json");
  }
  [[nodiscard]] std::filesystem::path bin(const Fingerprint& key, const std::string& run) const {
    return key_dir(key) / (run + ".bin");
  }

  TempDir dir;
  WarmStartStore store;
};

/// The names in a directory, ascending; none when it is absent.
[[nodiscard]] std::vector<std::string> names_in(const std::filesystem::path& path);
[[nodiscard]] std::string read_text(const std::filesystem::path& path);
/// Makes the directories above `path` too.
void write_text(const std::filesystem::path& path, std::string_view text);
void replace_in_file(const std::filesystem::path& path, std::string_view from, std::string_view to);

/// Sets a file's time back.
void make_old(const std::filesystem::path& path, std::chrono::seconds age);

/// The bytes of all files of all keys.
[[nodiscard]] std::uint64_t stored_bytes(const std::filesystem::path& root);

}  // namespace pfcache::test
