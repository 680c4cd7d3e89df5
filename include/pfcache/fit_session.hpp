// One computation under way: it starts from the best there is, leaves checkpoints, and at last its result.
//
// Example:
//
//   #include <pfcache/fit_session.hpp>
//   #include <iostream>
//   #include <vector>
//
//   int main() {
//     auto store = pfcache::WarmStartStore::open("warm");
//     pfcache::FitSession session(store, pfcache::Fingerprint());
//     std::vector<std::byte> state(8);
//     if (const auto start = session.load()) state = start->entry.payload;
//     session.checkpoint(state, 0.5, 100);
//     session.finalize(state, 0.25, 200);
//     if (const auto best = session.load()) std::cout << *best->entry.about.objective << '\n';  // prints 0.25
//   }
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <span>
#include <string>

#include "pfcache/warm_start_store.hpp"

#pragma GCC visibility push(default)
namespace pfcache {

/// Checkpoints that don't improve anything come no closer together.
inline constexpr std::chrono::seconds kMinCheckpointInterval{2};

/// All that a session saves is one entry, replaced each time. Thread-safe.
class FitSession {
 public:
  using SteadyClock = std::function<std::chrono::steady_clock::time_point()>;

  enum class Source {
    exact,      ///< the store's best entry of this session's key
    preloaded,  ///< what was given to preload()
  };
  struct Loaded {
    WarmEntry entry;
    Source source = Source::exact;
  };

  /// REQUIRES: `store` outlives the session and stays where it is. `now` is for the interval alone; empty: the
  /// system's.
  FitSession(WarmStartStore& store, const Fingerprint& key, SteadyClock now = {});

  [[nodiscard]] const Fingerprint& key() const noexcept { return key_; }

  /// The run of this session's entry; nothing before the first that was saved.
  [[nodiscard]] std::optional<std::string> run() const;

  /// Keeps an entry of a key much like this one, for the next load() to give instead of looking this key up.
  void preload(WarmEntry entry);

  /// The preloaded entry, once; otherwise what WarmStartStore::lookup gives. Throws: as that.
  [[nodiscard]] std::optional<Loaded> load();

  /// Saves a checkpoint over this session's entry, unless it comes within kMinCheckpointInterval of the one before and
  /// its objective isn't lower, by more than kObjectiveTie, than all before. True when it was saved.
  /// Throws: as WarmStartStore::save; then the next one isn't held back.
  bool checkpoint(std::span<const std::byte> payload, std::optional<double> objective = std::nullopt,
                  std::optional<std::uint64_t> iteration = std::nullopt);

  /// Saves the result over this session's entry, as Final, always. Throws: as WarmStartStore::save.
  void finalize(std::span<const std::byte> payload, std::optional<double> objective = std::nullopt,
                std::optional<std::uint64_t> iteration = std::nullopt);

 private:
  [[nodiscard]] bool is_due(const std::optional<double>& objective) const;
  void save(std::span<const std::byte> payload, const SaveMeta& meta);

  WarmStartStore& store_;
  const Fingerprint key_;
  const SteadyClock now_;
  mutable std::mutex mutex_;
  // All below are guarded by mutex_.
  std::string run_;  // empty: none yet
  std::optional<WarmEntry> preloaded_;
  std::optional<std::chrono::steady_clock::time_point> last_save_;
  std::optional<double> best_objective_;
};

}  // namespace pfcache
#pragma GCC visibility pop
