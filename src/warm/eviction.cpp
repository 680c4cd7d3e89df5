#include "warm/eviction.hpp"

#include <algorithm>
#include <cerrno>
#include <tuple>

#include "pfcache/error.hpp"

namespace pfcache {

bool is_expired(const WarmRun& about, std::chrono::seconds ttl, std::chrono::nanoseconds unix_time) {
  if (ttl <= std::chrono::seconds(0)) return false;
  const auto now_secs = std::chrono::duration_cast<std::chrono::seconds>(unix_time).count();
  // Seconds before nanoseconds: a year in a damaged file must not overflow. What is from the future has not expired.
  if (now_secs < 0 || about.written_unix_secs > static_cast<std::uint64_t>(now_secs)) return false;
  const std::int64_t age_secs = now_secs - static_cast<std::int64_t>(about.written_unix_secs);
  const auto nanos = (unix_time - std::chrono::seconds(now_secs)).count();
  const std::int64_t whole_secs = age_secs - (nanos < about.written_nanos ? 1 : 0);
  return whole_secs >= ttl.count();
}

std::vector<Fingerprint> keys_in(const Directory& root) {
  std::vector<Fingerprint> keys;
  for (const std::string& name : root.names()) {
    if (const auto key = Fingerprint::try_parse(name)) keys.push_back(*key);
  }
  std::sort(keys.begin(), keys.end());
  return keys;
}

template <typename Work>
void Eviction::try_to(Work&& work) {
  try {
    work();
  } catch (const Error& error) {
    report_.failures.emplace_back(error.what());
  }
}

EvictReport Eviction::run(const std::optional<RunOfKey>& keep) {
  for (const Fingerprint& key : keys_in(root_)) {
    try_to([&] { collect(key); });
  }
  for (const Found& found : found_) report_.kept_bytes += found.stored_bytes;
  report_.kept_entries = found_.size();
  if (report_.kept_bytes > limits_.limit_bytes) evict_oldest(keep);
  sweep();
  return report_;
}

void Eviction::collect(const Fingerprint& key) {
  const auto directory = KeyDirectory::find(root_, key);
  if (!directory) return;
  for (const std::string& run : directory->runs()) {
    try_to([&] { judge(key, *directory, directory->look_at(run, unix_time_)); });
  }
}

void Eviction::judge(const Fingerprint& key, const KeyDirectory& directory, const EntryLook& look) {
  if (look.state == EntryState::damaged) {
    report_.freed_bytes += directory.remove_damaged(look, unix_time_);
    ++report_.damaged_entries;
  } else if (look.state == EntryState::whole && is_expired(look.about, limits_.ttl, unix_time_)) {
    const std::uint64_t freed_bytes = directory.remove_unchanged(look.about);
    report_.freed_bytes += freed_bytes;
    report_.expired_entries += freed_bytes > 0 ? 1 : 0;
  } else if (look.state == EntryState::whole) {
    found_.push_back({key, look.about, look.stored_bytes});
  }
}

void Eviction::evict_oldest(const std::optional<RunOfKey>& keep) {
  std::sort(found_.begin(), found_.end(), [](const Found& a, const Found& b) {
    return std::tie(a.about.written_unix_secs, a.about.written_nanos, a.about.run) <
           std::tie(b.about.written_unix_secs, b.about.written_nanos, b.about.run);
  });
  for (const Found& found : found_) {
    if (report_.kept_bytes <= limits_.target_bytes) return;
    if (keep && keep->key == found.key && keep->run == found.about.run) continue;
    try_to([&] {
      const auto directory = KeyDirectory::find(root_, found.key);
      const std::uint64_t freed_bytes = directory ? directory->remove_unchanged(found.about) : 0;
      if (freed_bytes == 0) return;  // others took it, or it is the newest by now
      report_.freed_bytes += freed_bytes;
      report_.kept_bytes -= found.stored_bytes;
      --report_.kept_entries;
      ++report_.evicted_entries;
    });
  }
}

void Eviction::sweep() {
  for (const Fingerprint& key : keys_in(root_)) {
    try_to([&] {
      const auto directory = KeyDirectory::find(root_, key);
      if (directory && directory->is_untidy()) report_.swept_files += directory->sweep(root_, unix_time_);
    });
  }
  // Those of the byte count, in the root itself, which nobody locks.
  for (const std::string& name : root_.names()) {
    if (!is_temp_name(name) || !is_abandoned(root_, name, unix_time_)) continue;
    if (root_.ops().unlink(root_.fd(), name.c_str(), 0) == 0) ++report_.swept_files;
  }
}

}  // namespace pfcache
