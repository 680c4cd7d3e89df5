#include "warm/key_directory.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <set>

#include "base/file_stamp.hpp"
#include "pfcache/error.hpp"
#include "pfcache/sha256.hpp"
#include "warm/run_names.hpp"
#include "warm/run_record.hpp"

namespace pfcache {
namespace {

/// False when there was no such file.
bool unlink_file(const Directory& directory, const std::string& name) {
  if (directory.ops().unlink(directory.fd(), name.c_str(), 0) == 0) return true;
  if (errno == ENOENT) return false;
  throw Error::from_last_errno(fmt::format("cannot remove '{}'", directory.path_of(name)));
}

/// What a failure to read a file says of it. Rethrows what says nothing of it (EMFILE, ENOMEM, …).
EntryState state_after(const Error& error) {
  if (error.code() == Errc::malformed) return EntryState::damaged;
  const bool is_its_own =
      error.code() == Errc::unsupported || error.code() == Errc::too_large || error.code() == Errc::invalid_argument ||
      error.code() == std::errc::io_error || error.code() == std::errc::permission_denied ||
      error.code() == std::errc::no_such_device_or_address || error.code() == std::errc::too_many_symbolic_link_levels;
  if (is_its_own) return EntryState::unknown;
  throw Error(error);
}

struct FileTimes {
  std::chrono::nanoseconds changed{0};  // it got its name then at the latest, whatever a copy set the others to
  std::optional<std::chrono::nanoseconds> born;  // where the filesystem keeps that
};

std::chrono::nanoseconds since_1970(const struct statx_timestamp& time) {
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

/// Nothing when there is no such file.
std::optional<FileTimes> times_of(const Directory& directory, const std::string& name) {
  struct statx found {};
  if (::statx(directory.fd(), name.c_str(), AT_SYMLINK_NOFOLLOW, STATX_CTIME | STATX_BTIME, &found) != 0) {
    if (errno == ENOENT) return std::nullopt;
    throw Error::from_last_errno(fmt::format("cannot stat '{}'", directory.path_of(name)));
  }
  FileTimes times{since_1970(found.stx_ctime), {}};
  if ((found.stx_mask & STATX_BTIME) != 0) times.born = since_1970(found.stx_btime);
  return times;
}

PendingFile write_file(const Directory& directory, std::span<const std::byte> bytes) {
  PendingFile file(directory);
  file.write(bytes);
  file.sync();
  return file;
}

}  // namespace

std::optional<KeyDirectory> KeyDirectory::find(const Directory& root, const Fingerprint& key) {
  try {
    auto found = root.find_directory(key.hex());
    return found ? std::optional(KeyDirectory(std::move(*found), key.hex())) : std::nullopt;
  } catch (const Error& error) {
    if (error.code() == std::errc::not_a_directory) return std::nullopt;
    throw;
  }
}

KeyDirectory KeyDirectory::make_locked(const Directory& root, const Fingerprint& key) {
  KeyDirectory made(root.make_directory(key.hex()), key.hex());
  made.lock_shared();
  return made;
}

// Waits for a sweep of this directory at most. Where directories can't be locked, nobody gets the lock alone and
// nothing is swept: so going on without is safe.
void KeyDirectory::lock_shared() const {
  while (::flock(directory_.fd(), LOCK_SH) != 0 && errno == EINTR) {
  }
}

bool KeyDirectory::try_lock() const { return ::flock(directory_.fd(), LOCK_EX | LOCK_NB) == 0; }

std::vector<std::string> KeyDirectory::runs() const {
  std::vector<std::string> runs;
  for (const std::string& name : directory_.names()) {
    if (auto run = run_of_json(name)) runs.push_back(std::move(*run));
  }
  return runs;
}

bool KeyDirectory::is_untidy() const {
  const auto names = directory_.names();
  const std::set<std::string> all(names.begin(), names.end());
  return names.empty() || std::any_of(names.begin(), names.end(), [&](const std::string& name) {
           const auto run = run_of_bin(name);
           return is_temp_name(name) || is_gam_temp_name(name) || (run && !all.contains(json_name(*run)));
         });
}

std::optional<std::uint64_t> KeyDirectory::file_bytes(const std::string& name) const {
  struct stat st {};
  if (::fstatat(directory_.fd(), name.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT) return std::nullopt;
    throw Error::from_last_errno(fmt::format("cannot stat '{}'", directory_.path_of(name)));
  }
  return S_ISREG(st.st_mode) ? static_cast<std::uint64_t>(st.st_size) : std::optional<std::uint64_t>();
}

// The JSON goes first, so that it being gone too is a removal.
void KeyDirectory::note_absent_payload(EntryLook& look, std::chrono::nanoseconds unix_time) const {
  const auto json = times_of(directory_, json_name(look.about.run));
  look.fault = "its payload is not there";
  look.state = !json                                        ? EntryState::vanished
               : unix_time - json->changed > kGraceOfOthers ? EntryState::damaged
                                                            : EntryState::arriving;
}

void KeyDirectory::note_other_payload(EntryLook& look, std::chrono::nanoseconds unix_time) const {
  const auto json = times_of(directory_, json_name(look.about.run));
  const auto bin = times_of(directory_, bin_name(look.about.run));
  const bool is_newer = json && bin && json->born && bin->born && *bin->born > *json->born;
  look.fault = "its payload is not what its record says";
  look.state = is_newer && unix_time - bin->changed <= kGraceOfOthers ? EntryState::arriving : EntryState::damaged;
}

EntryLook KeyDirectory::read_record(const std::string& run) const {
  EntryLook look;
  look.about.run = run;
  const std::string name = json_name(run);
  try {
    auto json = directory_.read_file(name, kMaxWarmJsonBytes);
    if (!json) {
      look.state = EntryState::vanished;
      return look;
    }
    look.json = std::move(*json);
    look.about = parse_run_record(look.json, directory_.path_of(name));
    look.about.run = run;
    look.state = EntryState::whole;
  } catch (const Error& error) {
    look.state = state_after(error);
    look.fault = error.what();
  }
  return look;
}

EntryLook KeyDirectory::look_at(const std::string& run, std::chrono::nanoseconds unix_time) const {
  EntryLook look = read_record(run);
  if (look.state != EntryState::whole) return look;
  const auto payload_bytes = file_bytes(bin_name(run));
  look.stored_bytes = look.json.size() + payload_bytes.value_or(0);
  if (!payload_bytes) {
    note_absent_payload(look, unix_time);
  } else if (*payload_bytes != look.about.payload_bytes) {
    note_other_payload(look, unix_time);
  } else if (*payload_bytes > kMaxWarmPayloadBytes) {
    look.state = EntryState::unknown;
    look.fault = fmt::format("its payload has {} bytes, at most {} are read", *payload_bytes, kMaxWarmPayloadBytes);
  }
  return look;
}

std::vector<std::byte> KeyDirectory::read_payload(EntryLook& look, std::chrono::nanoseconds unix_time) const {
  const std::string name = bin_name(look.about.run);
  const auto fd = directory_.find_file(name);
  if (!fd) {
    note_absent_payload(look, unix_time);
    return {};
  }
  try {
    const std::uint64_t size_bytes = file_size_bytes(fd->get(), directory_.path_of(name));
    std::vector<std::byte> payload(size_bytes == look.about.payload_bytes ? size_bytes : 0);
    read_exactly_at(fd->get(), 0, payload, directory_.path_of(name));
    if (size_bytes != look.about.payload_bytes || sha256(payload) != look.about.checksum) {
      note_other_payload(look, unix_time);
    }
    return payload;
  } catch (const Error& error) {
    look.state = state_after(error);
    look.fault = error.what();
    return {};
  }
}

void KeyDirectory::publish(const std::string& run, std::span<const std::byte> payload, std::string_view json) const {
  // Both are on disk before either has its name: a full disk then leaves no half.
  PendingFile bin_file = write_file(directory_, payload);
  PendingFile json_file = write_file(directory_, std::as_bytes(std::span(json.data(), json.size())));
  bin_file.publish(bin_name(run));
  try {
    json_file.publish(json_name(run));
  } catch (const Error&) {
    directory_.ops().unlink(directory_.fd(), bin_name(run).c_str(), 0);
    throw;
  }
  directory_.sync();
}

std::uint64_t KeyDirectory::remove(const std::string& run) const {
  const auto json_bytes = file_bytes(json_name(run));
  const auto bin_bytes = file_bytes(bin_name(run));
  // Of two who remove it at once, each may be the first at one of the files.
  std::uint64_t freed_bytes = 0;
  if (unlink_file(directory_, json_name(run))) freed_bytes += json_bytes.value_or(0);
  if (unlink_file(directory_, bin_name(run))) freed_bytes += bin_bytes.value_or(0);
  return freed_bytes;
}

std::uint64_t KeyDirectory::remove_unchanged(const WarmRun& about) const {
  const EntryLook now = read_record(about.run);
  const bool is_same = now.state == EntryState::whole && now.about.checksum == about.checksum &&
                       now.about.written_unix_secs == about.written_unix_secs &&
                       now.about.written_nanos == about.written_nanos;
  return is_same ? remove(about.run) : 0;
}

std::uint64_t KeyDirectory::remove_damaged(const EntryLook& look, std::chrono::nanoseconds unix_time) const {
  // gam replaces the two files of a run one after the other: what was torn a moment ago may be whole by now.
  const EntryLook now = look_at(look.about.run, unix_time);
  const bool is_settled = now.state != EntryState::vanished && now.state != EntryState::arriving;
  return now.json == look.json && is_settled ? remove(look.about.run) : 0;
}

bool is_abandoned(const Directory& directory, const std::string& name, std::chrono::nanoseconds unix_time) {
  struct stat st {};
  if (::fstatat(directory.fd(), name.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(st.st_mode)) return false;
  return unix_time - std::chrono::nanoseconds(stamp_of(st).changed_ns) > kGraceOfOthers;
}

std::uint64_t KeyDirectory::sweep(const Directory& root, std::chrono::nanoseconds unix_time) const {
  if (!try_lock()) return 0;
  const auto names = directory_.names();
  const std::set<std::string> all(names.begin(), names.end());
  std::uint64_t swept = 0;
  for (const std::string& name : names) {
    const auto run = run_of_bin(name);
    const bool may_be_written = is_temp_name(name) || is_gam_temp_name(name) || (run && !all.contains(json_name(*run)));
    const bool is_litter = is_own_temp_name(name) || (may_be_written && is_abandoned(directory_, name, unix_time));
    if (is_litter && unlink_file(directory_, name)) ++swept;
  }
  if (swept == names.size()) {
    // Who had opened it but not yet locked it finds that it can't make a file in it, and makes the directory again.
    const int failed = directory_.ops().unlink(root.fd(), name_.c_str(), AT_REMOVEDIR);
    if (failed != 0 && errno != ENOENT && errno != ENOTEMPTY) {
      throw Error::from_last_errno(fmt::format("cannot remove directory '{}'", directory_.path()));
    }
  }
  return swept;
}

}  // namespace pfcache
