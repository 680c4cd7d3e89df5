// Warm starts: results, and states on the way to them, kept under a fingerprint of what they were computed from, so
// that the next run of the same computation starts where the last one ended.
//
//   ROOT/<64 hex of the fingerprint>/<run>.bin    a payload, any bytes
//   ROOT/<64 hex of the fingerprint>/<run>.json   what is known of it, with its SHA-256: the pair is one *entry*
//   ROOT/usage                                    how many bytes the entries have together, about
//
// The pairs are those of gam's warm-start cache: each reads the other's. Any number of threads and processes may use
// one root. A store under ROOT = STORE/warm is what `pfcache warm` works on.
//
// Example:
//
//   #include <pfcache/warm_start_store.hpp>
//   #include <iostream>
//
//   int main() {
//     auto store = pfcache::WarmStartStore::open("warm");
//     const pfcache::Fingerprint key;  // of what the computation depends on
//     std::vector<std::byte> state(100);
//     if (const auto entry = store.lookup(key)) state = entry->payload;
//     store.save(key, state, {.objective = 0.5, .iteration = 300, .kind = pfcache::EntryKind::checkpoint});
//     std::cout << store.runs(key).size() << " run\n";  // prints 1 run
//   }
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pfcache/digest.hpp"
#include "pfcache/fingerprint.hpp"

namespace pfcache {
class FileOps;  // not exported, hence before the pragma
}

#pragma GCC visibility push(default)
namespace pfcache {

/// Limits, checked before memory is taken: of one payload, and of the JSON beside it.
inline constexpr std::uint64_t kMaxWarmPayloadBytes = std::uint64_t{1} << 30;
inline constexpr std::uint64_t kMaxWarmJsonBytes = std::uint64_t{64} << 10;

/// Objectives that differ by less are the same.
inline constexpr double kObjectiveTie = 1e-12;

enum class EntryKind {
  checkpoint,  ///< saved while the computation was under way
  final,       ///< saved when it had ended well
};

struct WarmStartOptions {
  /// Of all entries together, payloads and JSON. Above it the oldest go.
  std::uint64_t size_budget_bytes = std::uint64_t{1} << 30;
  /// Entries that were written longer ago are not given out, and go; 0: they stay.
  std::chrono::seconds ttl = std::chrono::hours(24 * 30);
  /// The time since 1970, UTC. Empty: the system's clock. Called from any thread.
  std::function<std::chrono::nanoseconds()> unix_time = {};
};

/// What a caller says of a payload.
struct SaveMeta {
  std::optional<double> objective = {};  ///< the lower the better; NaN and infinities count as none
  std::optional<std::uint64_t> iteration = {};
  EntryKind kind = EntryKind::checkpoint;
};

/// What is known of an entry without its payload.
struct WarmRun {
  std::string run;  ///< names it among those of its key: RUN.bin and RUN.json
  std::optional<double> objective;
  std::optional<std::uint64_t> iteration;
  EntryKind kind = EntryKind::checkpoint;
  std::uint64_t written_unix_secs = 0;
  std::uint32_t written_nanos = 0;
  Digest checksum;  ///< SHA-256 of the payload
  std::uint64_t payload_bytes = 0;
};

/// An entry, its payload checked against its SHA-256.
struct WarmEntry {
  WarmRun about;
  std::vector<std::byte> payload;
};

/// What an eviction did, and what it left.
struct EvictReport {
  std::uint64_t expired_entries = 0;
  std::uint64_t damaged_entries = 0;
  std::uint64_t evicted_entries = 0;  ///< for want of room
  std::uint64_t freed_bytes = 0;      ///< of all of these
  std::uint64_t kept_entries = 0;
  std::uint64_t kept_bytes = 0;
  std::uint64_t swept_files = 0;      ///< that writers who died had left
  std::vector<std::string> failures;  ///< why what could not be looked at or removed was left, a sentence each
};

/// `Checkpoint` or `Final`, as in the JSON.
[[nodiscard]] std::string_view name_of(EntryKind kind) noexcept;

/// True for what may name a run: 1–128 of [A-Za-z0-9._-], no dot in front, no `.tmp.` inside.
[[nodiscard]] bool is_valid_run(std::string_view run) noexcept;

class WarmStartStore {
 public:
  /// The store in `root`, which need not exist: the first save makes it. Writes nothing.
  static WarmStartStore open(const std::filesystem::path& root, WarmStartOptions options = {});

  /// The store in `warm` of the store that `pfcache` uses when none is named: as Config has it, of this process.
  /// Throws: Errc::invalid_argument when nothing says where that is; what is wrong with the configuration.
  static WarmStartStore open_default(WarmStartOptions options = {});

  /// As open(), with every change going through `ops`. For tests of the library. REQUIRES: `ops` outlives the store.
  WarmStartStore(const std::filesystem::path& root, WarmStartOptions options, FileOps& ops);

  WarmStartStore(WarmStartStore&&) noexcept;
  WarmStartStore& operator=(WarmStartStore&&) noexcept;
  ~WarmStartStore();

  /// An absolute path.
  [[nodiscard]] const std::filesystem::path& root() const noexcept;
  [[nodiscard]] const WarmStartOptions& options() const noexcept;

  /// The best entry of `key`: the lowest objective, any objective before none; of equal ones (see kObjectiveTie) a
  /// Final before a Checkpoint; of those the latest written. Expired entries and those of a schema not known here are
  /// passed over, and so is one whose payload may be on its way: a JSON that came alone in the last hour. A damaged one
  /// is removed, and the next best is given. Nothing when none is left. Throws: system errors; not for a damaged entry
  /// that can't be removed.
  [[nodiscard]] std::optional<WarmEntry> lookup(const Fingerprint& key) const;

  /// As lookup(), of the latest written, whatever its objective: for seeds whose objectives can't be compared.
  [[nodiscard]] std::optional<WarmEntry> lookup_latest(const Fingerprint& key) const;

  /// Saves a new entry, durable when it returns, and gives its run. Then, when the entries have come to be above the
  /// budget, evicts the oldest of the others until an eighth of it is free, so that few saves have to. Costs the same
  /// however many entries there are, but for that.
  /// Throws: Errc::too_large for what is above the budget or kMaxWarmPayloadBytes; system errors (ENOSPC, …), which
  /// leave the store as it was.
  std::string save(const Fingerprint& key, std::span<const std::byte> payload, const SaveMeta& meta);

  /// As save(), and then takes the entry `run` of the same key away: after a crash at any point, the one or the other
  /// is there whole, or both. Two files can't be replaced at once, so the new entry gets a run of its own, which is
  /// given and which the next overwrite names. It is all right for `run` to be absent. Throws: also
  /// Errc::invalid_argument for what can't be a run.
  std::string save_overwrite(const Fingerprint& key, std::string_view run, std::span<const std::byte> payload,
                             const SaveMeta& meta);

  /// Takes note of an entry that another program has just written under its own names: counts it, and evicts the oldest
  /// of the others as save() does. False when there is no whole entry of that run, or not yet.
  /// Throws: Errc::invalid_argument for what can't be a run; system errors.
  bool adopt(const Fingerprint& key, std::string_view run);

  /// Removes what is expired or damaged, then the oldest written until the rest is within the budget, then what writers
  /// who died have left. Entries of an unknown schema are neither counted nor removed, nor is what somebody else's
  /// rights protect. Throws: system errors about the root.
  EvictReport evict_overflow();

  /// The keys that have a directory, ascending.
  [[nodiscard]] std::vector<Fingerprint> keys() const;

  /// The entries of `key` that lookup() would choose from, the best first, payloads unread: one may prove damaged.
  /// Nothing is removed.
  [[nodiscard]] std::vector<WarmRun> runs(const Fingerprint& key) const;

  /// The run of the first of runs(); nothing when there is none.
  [[nodiscard]] std::optional<std::string> best_run(const Fingerprint& key) const;

  /// What the JSON of `run` says; nothing when there is none that is understood, and for what can't be a run. The
  /// payload isn't looked at. Throws: system errors.
  [[nodiscard]] std::optional<WarmRun> find(const Fingerprint& key, std::string_view run) const;

  /// The entry `run` of `key`, checked; nothing when it is absent, expired, damaged (then it is removed) or of an
  /// unknown schema, and for what can't be a run.
  [[nodiscard]] std::optional<WarmEntry> load(const Fingerprint& key, std::string_view run) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace pfcache
#pragma GCC visibility pop
