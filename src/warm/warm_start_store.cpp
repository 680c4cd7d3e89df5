#include "pfcache/warm_start_store.hpp"

#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>

#include "base/directory.hpp"
#include "pfcache/config.hpp"
#include "pfcache/error.hpp"
#include "pfcache/sha256.hpp"
#include "warm/eviction.hpp"
#include "warm/key_directory.hpp"
#include "warm/ranking.hpp"
#include "warm/run_names.hpp"
#include "warm/run_record.hpp"
#include "warm/usage_log.hpp"

namespace pfcache {
namespace {

namespace fs = std::filesystem;
using std::chrono::nanoseconds;
using std::chrono::seconds;

/// However often entries are replaced while one is looked for, and directories removed while one is made, it ends.
constexpr int kLooks = 100;

/// What is counted is true for so long, whatever others do who don't add to the count; and expired entries go.
constexpr seconds kCountEvery = std::chrono::hours(24);

/// An eviction of a save's frees one part of so many of the budget, so that the next is as many bytes away.
constexpr std::uint64_t kHeadroomParts = 8;

nanoseconds system_unix_time() {
  return std::chrono::duration_cast<nanoseconds>(std::chrono::system_clock::now().time_since_epoch());
}

fs::path settle(const fs::path& path) {
  // Nothing more is tidied up: what `..` means is known only where links are followed.
  const fs::path absolute = fs::absolute(path);
  return absolute.has_filename() ? absolute : absolute.parent_path();
}

Directory make_path(const fs::path& path, FileOps& ops) {
  std::error_code ignored;  // whatever it was, opening or making it says so again
  if (fs::is_directory(path, ignored) || !path.has_relative_path()) return Directory::open(path, ops);
  return make_path(path.parent_path(), ops).make_directory(path.filename().native());
}

void require_valid_run(std::string_view run) {
  if (is_valid_run(run)) return;
  constexpr std::size_t kMaxQuoted = 150;
  throw Error(Errc::invalid_argument,
              fmt::format("'{}' can't be a run: expected 1 to 128 of A-Z a-z 0-9 . _ -, no dot in front and no '.tmp.'",
                          run.substr(0, kMaxQuoted)));
}

WarmRun describe(std::span<const std::byte> payload, const SaveMeta& meta, nanoseconds unix_time) {
  const auto secs = std::max(seconds(0), std::chrono::duration_cast<seconds>(unix_time));
  WarmRun about;
  about.run = fresh_run(unix_time);
  if (meta.objective && std::isfinite(*meta.objective)) about.objective = meta.objective;
  about.iteration = meta.iteration;
  about.kind = meta.kind;
  about.written_unix_secs = static_cast<std::uint64_t>(secs.count());
  about.written_nanos = static_cast<std::uint32_t>(std::max(nanoseconds(0), unix_time - secs).count());
  about.checksum = sha256(payload);
  about.payload_bytes = payload.size();
  return about;
}

using Order = void (*)(std::vector<WarmRun>&);

/// What is done with a damaged entry that is come across.
enum class Damaged { stays, goes };

}  // namespace

struct WarmStartStore::Impl {
  fs::path root;
  WarmStartOptions options;
  FileOps* ops;

  [[nodiscard]] nanoseconds now() const { return options.unix_time ? options.unix_time() : system_unix_time(); }

  [[nodiscard]] std::optional<Directory> find_root() const {
    try {
      return Directory::open(root, *ops);
    } catch (const Error& error) {
      if (error.code() == Errc::not_found) return std::nullopt;
      throw;
    }
  }

  [[nodiscard]] std::optional<KeyDirectory> find(const Fingerprint& key) const {
    const auto directory = find_root();
    return directory ? KeyDirectory::find(*directory, key) : std::nullopt;
  }

  /// What may be given out, in `order`. `vanished` is set when others replaced any meanwhile.
  [[nodiscard]] std::vector<WarmRun> candidates(const KeyDirectory& directory, Order order, Damaged damaged,
                                                bool& vanished) const;
  [[nodiscard]] std::optional<WarmEntry> load(const KeyDirectory& directory, const std::string& run,
                                              bool& vanished) const;
  [[nodiscard]] std::optional<WarmEntry> lookup(const Fingerprint& key, Order order) const;
  void require_fits(std::uint64_t payload_bytes, std::uint64_t json_bytes) const;
  std::string save(const Fingerprint& key, std::string_view replaced, std::span<const std::byte> payload,
                   const SaveMeta& meta);
  void publish(const Directory& directory, const Fingerprint& key, const WarmRun& about,
               std::span<const std::byte> payload, std::string_view json) const;
  void account(const Directory& directory, std::int64_t change_bytes, const RunOfKey& saved) const;
  EvictReport evict(const Directory& directory, std::uint64_t target_bytes,
                    const std::optional<RunOfKey>& keep = std::nullopt) const;
};

namespace {

/// A store that can't be written to gives out what is whole all the same.
void try_remove_damaged(const KeyDirectory& directory, const EntryLook& look, nanoseconds unix_time) {
  try {
    directory.remove_damaged(look, unix_time);
  } catch (const Error&) {
    return;
  }
}

/// The new entry is durable by now. An old one that can't be removed is only one more to choose from.
std::uint64_t remove_replaced(const Directory& root, const Fingerprint& key, const std::string& run) {
  try {
    const auto directory = KeyDirectory::find(root, key);
    return directory ? directory->remove(run) : 0;
  } catch (const Error&) {
    return 0;
  }
}

}  // namespace

std::vector<WarmRun> WarmStartStore::Impl::candidates(const KeyDirectory& directory, Order order, Damaged damaged,
                                                      bool& vanished) const {
  std::vector<WarmRun> found;
  const nanoseconds unix_time = now();
  for (const std::string& run : directory.runs()) {
    EntryLook look = directory.look_at(run, unix_time);
    if (look.state == EntryState::damaged && damaged == Damaged::goes) try_remove_damaged(directory, look, unix_time);
    if (look.state == EntryState::vanished) vanished = true;
    if (look.state != EntryState::whole || is_expired(look.about, options.ttl, unix_time)) continue;
    found.push_back(std::move(look.about));
  }
  order(found);
  return found;
}

std::optional<WarmEntry> WarmStartStore::Impl::load(const KeyDirectory& directory, const std::string& run,
                                                    bool& vanished) const {
  const nanoseconds unix_time = now();
  EntryLook look = directory.look_at(run, unix_time);
  std::vector<std::byte> payload;
  if (look.state == EntryState::whole) payload = directory.read_payload(look, unix_time);
  if (look.state == EntryState::damaged) try_remove_damaged(directory, look, unix_time);
  if (look.state == EntryState::vanished) vanished = true;
  if (look.state != EntryState::whole || is_expired(look.about, options.ttl, unix_time)) return std::nullopt;
  return WarmEntry{std::move(look.about), std::move(payload)};
}

std::optional<WarmEntry> WarmStartStore::Impl::lookup(const Fingerprint& key, Order order) const {
  for (int look = 0; look < kLooks; ++look) {
    const auto directory = find(key);
    if (!directory) return std::nullopt;
    bool vanished = false;
    for (const WarmRun& run : candidates(*directory, order, Damaged::goes, vanished)) {
      if (auto entry = load(*directory, run.run, vanished)) return entry;
      if (vanished) break;  // what replaced it is better than the next best
    }
    if (!vanished) return std::nullopt;
  }
  return std::nullopt;
}

void WarmStartStore::Impl::require_fits(std::uint64_t payload_bytes, std::uint64_t json_bytes) const {
  const std::uint64_t limit_bytes = std::min(kMaxWarmPayloadBytes, options.size_budget_bytes);
  if (payload_bytes <= limit_bytes && payload_bytes + json_bytes <= options.size_budget_bytes) return;
  throw Error(Errc::too_large,
              fmt::format("a warm start of {} bytes: the budget of '{}' is {} bytes, and at most {} are "
                          "taken at once",
                          payload_bytes, root.native(), options.size_budget_bytes, kMaxWarmPayloadBytes));
}

std::string WarmStartStore::Impl::save(const Fingerprint& key, std::string_view replaced,
                                       std::span<const std::byte> payload, const SaveMeta& meta) {
  require_fits(payload.size(), 0);
  const WarmRun about = describe(payload, meta, now());
  const std::string json = to_json(about);
  require_fits(payload.size(), json.size());
  const Directory directory = make_path(root, *ops);
  publish(directory, key, about, payload, json);
  const std::uint64_t freed_bytes = replaced.empty() ? 0 : remove_replaced(directory, key, std::string(replaced));
  const auto change_bytes = static_cast<std::int64_t>(payload.size() + json.size() - freed_bytes);
  account(directory, change_bytes, {key, about.run});
  return about.run;
}

void WarmStartStore::Impl::publish(const Directory& directory, const Fingerprint& key, const WarmRun& about,
                                   std::span<const std::byte> payload, std::string_view json) const {
  for (int look = 1;; ++look) {
    try {
      KeyDirectory::make_locked(directory, key).publish(about.run, payload, json);
      // The key's directory may be one that another process has just made and not yet synced.
      directory.sync();
      return;
    } catch (const Error& error) {
      // Somebody swept the directory away, empty, between its being made and locked.
      const bool is_gone = error.code() == std::errc::no_such_file_or_directory || error.code() == Errc::not_found;
      if (!is_gone || look == kLooks) throw;
    }
  }
}

void WarmStartStore::Impl::account(const Directory& directory, std::int64_t change_bytes, const RunOfKey& saved) const {
  try {
    const auto usage = UsageLog(directory).add(change_bytes);
    const auto age = usage ? now() - usage->counted_at : nanoseconds(0);
    const bool is_old = age > kCountEvery || age < -kCountEvery;
    if (usage && !is_old && usage->bytes <= options.size_budget_bytes) return;
    // One who counts is enough: others go on saving.
    if (::flock(directory.fd(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) return;
    evict(directory, options.size_budget_bytes - options.size_budget_bytes / kHeadroomParts, saved);
  } catch (const Error&) {
    return;  // what was asked for, the save, is done; the next one tries again
  }
}

EvictReport WarmStartStore::Impl::evict(const Directory& directory, std::uint64_t target_bytes,
                                        const std::optional<RunOfKey>& keep) const {
  const nanoseconds unix_time = now();
  const EvictReport report =
      Eviction(directory, {options.size_budget_bytes, target_bytes, options.ttl}, unix_time).run(keep);
  UsageLog(directory).reset({report.kept_bytes, std::max(seconds(0), std::chrono::duration_cast<seconds>(unix_time))});
  return report;
}

WarmStartStore WarmStartStore::open(const fs::path& root, WarmStartOptions options) {
  return {root, std::move(options), system_file_ops()};
}

WarmStartStore WarmStartStore::open_default(WarmStartOptions options) {
  const Config config = Config::load(ConfigSources::of_process());
  config.require_sound();
  return open(config.store_path() / kWarmDirectory, std::move(options));
}

WarmStartStore::WarmStartStore(const fs::path& root, WarmStartOptions options, FileOps& ops)
    : impl_(std::make_unique<Impl>(Impl{settle(root), std::move(options), &ops})) {}

WarmStartStore::WarmStartStore(WarmStartStore&&) noexcept = default;
WarmStartStore& WarmStartStore::operator=(WarmStartStore&&) noexcept = default;
WarmStartStore::~WarmStartStore() = default;

const fs::path& WarmStartStore::root() const noexcept { return impl_->root; }
const WarmStartOptions& WarmStartStore::options() const noexcept { return impl_->options; }

std::optional<WarmEntry> WarmStartStore::lookup(const Fingerprint& key) const {
  return impl_->lookup(key, sort_best_first);
}

std::optional<WarmEntry> WarmStartStore::lookup_latest(const Fingerprint& key) const {
  return impl_->lookup(key, sort_latest_first);
}

std::string WarmStartStore::save(const Fingerprint& key, std::span<const std::byte> payload, const SaveMeta& meta) {
  return impl_->save(key, {}, payload, meta);
}

std::string WarmStartStore::save_overwrite(const Fingerprint& key, std::string_view run,
                                           std::span<const std::byte> payload, const SaveMeta& meta) {
  require_valid_run(run);
  return impl_->save(key, run, payload, meta);
}

EvictReport WarmStartStore::evict_overflow() {
  const auto directory = impl_->find_root();
  return directory ? impl_->evict(*directory, impl_->options.size_budget_bytes) : EvictReport{};
}

bool WarmStartStore::adopt(const Fingerprint& key, std::string_view run) {
  require_valid_run(run);
  const auto directory = impl_->find_root();
  const auto entries = directory ? KeyDirectory::find(*directory, key) : std::nullopt;
  if (!entries) return false;
  const EntryLook look = entries->look_at(std::string(run), impl_->now());
  if (look.state != EntryState::whole) return false;
  impl_->account(*directory, static_cast<std::int64_t>(look.stored_bytes), {key, std::string(run)});
  return true;
}

std::vector<Fingerprint> WarmStartStore::keys() const {
  const auto directory = impl_->find_root();
  return directory ? keys_in(*directory) : std::vector<Fingerprint>();
}

std::vector<WarmRun> WarmStartStore::runs(const Fingerprint& key) const {
  std::vector<WarmRun> found;
  for (int look = 0; look < kLooks; ++look) {
    const auto directory = impl_->find(key);
    if (!directory) return {};
    bool vanished = false;
    found = impl_->candidates(*directory, sort_best_first, Damaged::stays, vanished);
    if (!vanished) break;
  }
  return found;
}

std::optional<std::string> WarmStartStore::best_run(const Fingerprint& key) const {
  const auto found = runs(key);
  return found.empty() ? std::nullopt : std::optional(found.front().run);
}

std::optional<WarmRun> WarmStartStore::find(const Fingerprint& key, std::string_view run) const {
  const auto directory = is_valid_run(run) ? impl_->find(key) : std::nullopt;
  if (!directory) return std::nullopt;
  EntryLook look = directory->read_record(std::string(run));
  return look.state == EntryState::whole ? std::optional(std::move(look.about)) : std::nullopt;
}

std::optional<WarmEntry> WarmStartStore::load(const Fingerprint& key, std::string_view run) const {
  if (!is_valid_run(run)) return std::nullopt;
  const auto directory = impl_->find(key);
  bool vanished = false;
  return directory ? impl_->load(*directory, std::string(run), vanished) : std::nullopt;
}

}  // namespace pfcache
