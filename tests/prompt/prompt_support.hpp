// Prompts to save, and their files looked at from outside.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/file_ops.hpp"
#include "pfcache/disk_kv_cache.hpp"

namespace pfcache::test {

inline constexpr std::uint64_t kBudget = kMinPromptBudgetBytes;
inline constexpr std::uint64_t kNow = 1'700'100'000;

/// A file of ds4's, byte for byte.
extern const std::string kGoldenKey;
extern const std::string kGoldenHex;
[[nodiscard]] PromptSave golden_prompt();
inline constexpr std::string_view kGoldenPayload = "binary session payload bytes";

[[nodiscard]] std::string from_hex_text(std::string_view hex);
[[nodiscard]] std::string slurp(const std::filesystem::path& path);
void spew(const std::filesystem::path& path, std::string_view bytes);
[[nodiscard]] std::vector<std::string> names_in(const std::filesystem::path& dir);

/// Options with a clock that stands still.
[[nodiscard]] DiskKvCacheOptions options_at(std::uint64_t now = kNow, EvictionPolicy policy = EvictionPolicy::value);

/// For tests in which durability is no matter: without the waits there are more races to meet, and less time is spent.
class NoSyncOps final : public FileOps {
 public:
  int fsync(int) override { return 0; }
};

/// What this process has read so far, by read(2) and its kin.
struct IoCount {
  std::uint64_t reads = 0;
  std::uint64_t bytes = 0;
};
[[nodiscard]] IoCount io_count();

/// A payload that depends on `seed` all over.
[[nodiscard]] std::string payload_of(std::size_t size_bytes, std::uint64_t seed);

PromptSaveResult save(DiskKvCache& cache, std::string_view text, std::string_view payload,
                      const PromptHeader& header = {});
[[nodiscard]] std::string payload_of(DiskKvCache& cache, std::string_view text, const PromptLoadOptions& options = {});

}  // namespace pfcache::test
