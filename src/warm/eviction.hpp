// Making room: one look at all entries of a root.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/directory.hpp"
#include "pfcache/warm_start_store.hpp"
#include "warm/key_directory.hpp"

namespace pfcache {

struct RunOfKey {
  Fingerprint key;
  std::string run;
};

/// True when an entry was written so long ago that it counts no more.
[[nodiscard]] bool is_expired(const WarmRun& about, std::chrono::seconds ttl, std::chrono::nanoseconds unix_time);

/// The keys that have a directory in `root`, ascending.
[[nodiscard]] std::vector<Fingerprint> keys_in(const Directory& root);

/// Removes what is expired and what is damaged; then, when the rest has more than `limit_bytes`, the oldest of it until
/// it has `target_bytes` at most, but not `keep`; then what dead writers left. Others may save, look up and evict at
/// the same time: who finds an entry gone takes that for done.
class Eviction {
 public:
  struct Limits {
    std::uint64_t limit_bytes = 0;
    std::uint64_t target_bytes = 0;
    std::chrono::seconds ttl{0};
  };

  /// REQUIRES: `root` outlives the eviction.
  Eviction(const Directory& root, const Limits& limits, std::chrono::nanoseconds unix_time)
      : root_(root), limits_(limits), unix_time_(unix_time) {}

  EvictReport run(const std::optional<RunOfKey>& keep = std::nullopt);

 private:
  struct Found {
    Fingerprint key;
    WarmRun about;
    std::uint64_t stored_bytes;
  };

  /// What one key or entry refuses keeps nothing from being done with the others.
  template <typename Work>
  void try_to(Work&& work);
  void collect(const Fingerprint& key);
  void judge(const Fingerprint& key, const KeyDirectory& directory, const EntryLook& look);
  void evict_oldest(const std::optional<RunOfKey>& keep);
  void sweep();

  const Directory& root_;
  const Limits limits_;
  const std::chrono::nanoseconds unix_time_;
  std::vector<Found> found_;
  EvictReport report_;
};

}  // namespace pfcache
