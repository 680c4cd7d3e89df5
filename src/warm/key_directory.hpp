// The entries of one key: a directory of pairs.
//
// What makes it safe for many processes without a lock that anybody has to wait for:
//
// - A run of ours is never used twice, and its files never change. A payload gets its name before its JSON does, and
//   loses it after: so a JSON whose payload is of another size or of another SHA-256 is damage, not work in progress;
//   and so is one without a payload, unless the JSON itself is gone by then, which is a removal.
// - gam overwrites a run: the new payload gets the name, then the new JSON does. In between the payload is a file that
//   was made after the JSON, and is left alone for kGraceOfOthers. Others may bring the JSON first, through a mount or
//   by a copy: one without a payload is left alone as long.
// - An entry is replaced by one of another run, which is durable before the old one goes. A crash in between leaves
// both.
// - Who saves holds the directory's flock shared, and who takes away what dead writers left, or the directory, needs it
//   alone and does not wait for it: whatever is found then without its other half was left by a crash. gam takes no
//   locks, so what might be its is left alone for kGraceOfOthers besides.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/directory.hpp"
#include "pfcache/warm_start_store.hpp"

namespace pfcache {

/// Below a store.
inline constexpr const char* kWarmDirectory = "warm";

/// How long what others may be in the middle of is left alone. As long as temp files are: bringing the other half takes
/// no longer than writing it does, and what is damaged is passed over meanwhile.
inline constexpr std::chrono::hours kGraceOfOthers{1};

/// What was found under a run.
enum class EntryState {
  whole,     ///< as far as was looked
  vanished,  ///< removed or replaced meanwhile, or never there
  arriving,  ///< a JSON whose payload may be on its way, or whose payload is that of a JSON on its way
  damaged,
  unknown,  ///< of a schema, size or kind of file that isn't ours to judge, or not to be read now
};

struct EntryLook {
  EntryState state = EntryState::unknown;
  std::string fault;  ///< why it is damaged, or unknown
  WarmRun about;
  std::string json;                ///< as it was when it was looked at
  std::uint64_t stored_bytes = 0;  ///< of both files
};

class KeyDirectory {
 public:
  KeyDirectory(Directory directory, std::string name) : directory_(std::move(directory)), name_(std::move(name)) {}

  /// The directory of `key`; nothing when there is none.
  [[nodiscard]] static std::optional<KeyDirectory> find(const Directory& root, const Fingerprint& key);

  /// The directory of `key`, made when there is none, its lock held shared until the object goes.
  [[nodiscard]] static KeyDirectory make_locked(const Directory& root, const Fingerprint& key);

  /// The runs that have a JSON, in no order.
  [[nodiscard]] std::vector<std::string> runs() const;

  /// True when there are files that make no entry and might have to go, or none at all.
  [[nodiscard]] bool is_untidy() const;

  /// Looks at the JSON alone.
  [[nodiscard]] EntryLook read_record(const std::string& run) const;

  /// Looks at everything but the payload's bytes. `unix_time` is now, here and below.
  [[nodiscard]] EntryLook look_at(const std::string& run, std::chrono::nanoseconds unix_time) const;

  /// Reads the payload of an entry that was found whole and checks it: `look.state` says what came out of it.
  [[nodiscard]] std::vector<std::byte> read_payload(EntryLook& look, std::chrono::nanoseconds unix_time) const;

  /// Writes an entry, durable when it returns. A failure leaves nothing of it.
  /// Throws: system errors; ENOENT when the directory was removed.
  void publish(const std::string& run, std::span<const std::byte> payload, std::string_view json) const;

  /// Removes an entry and returns the bytes that were freed; 0 when somebody else did. The removal need not survive a
  /// crash. Throws: system errors.
  std::uint64_t remove(const std::string& run) const;

  /// As remove(), unless the entry was overwritten since it was looked at.
  std::uint64_t remove_unchanged(const WarmRun& about) const;

  /// As remove(), unless the JSON isn't any more what was looked at, or the payload may be on its way.
  std::uint64_t remove_damaged(const EntryLook& look, std::chrono::nanoseconds unix_time) const;

  /// Removes what writers who died have left, and then the directory from `root` when it is empty: unless somebody is
  /// writing here. Returns how many files went.
  std::uint64_t sweep(const Directory& root, std::chrono::nanoseconds unix_time) const;

 private:
  void lock_shared() const;
  [[nodiscard]] bool try_lock() const;
  void note_absent_payload(EntryLook& look, std::chrono::nanoseconds unix_time) const;
  void note_other_payload(EntryLook& look, std::chrono::nanoseconds unix_time) const;
  [[nodiscard]] std::optional<std::uint64_t> file_bytes(const std::string& name) const;

  Directory directory_;
  std::string name_;  // in the root
};

/// True for a file that has been there, as it is, for kGraceOfOthers.
[[nodiscard]] bool is_abandoned(const Directory& directory, const std::string& name,
                                std::chrono::nanoseconds unix_time);

}  // namespace pfcache
