#include "pfcache/staging.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/random.h>

#include <algorithm>
#include <cerrno>
#include <map>

#include "pfcache/error.hpp"
#include "snapshot/arriving_snapshot.hpp"
#include "snapshot/staged_snapshot.hpp"

namespace pfcache {
namespace {

const std::string kStaging = "staging";
const std::string kNew = "new";
const std::string kSnap = "snap";
const std::string kGone = "gone";

// For so long what nobody uses stays locked, so that what was done for it isn't done again.
constexpr std::chrono::seconds kIdle{60};
// For so long those who brought a snapshot may go on in its directory.
constexpr std::chrono::seconds kQuiet{2};

std::string random_name() {
  std::uint64_t bits = 0;
  if (::getrandom(&bits, sizeof bits, 0) != ssize_t{sizeof bits}) throw Error::from_last_errno("no random bytes");
  return fmt::format("{:016x}", bits);
}

void remove_tree(const Directory& parent, const std::string& name) {
  if (parent.ops().unlink(parent.fd(), name.c_str(), 0) == 0) return;
  const auto directory = parent.find_real_directory(name);
  if (!directory) return;
  for (const std::string& child : directory->names()) remove_tree(*directory, child);
  parent.ops().unlink(parent.fd(), name.c_str(), AT_REMOVEDIR);
}

void make_entry(const Directory& parent, const std::string& name) {
  if (parent.ops().mkdir(parent.fd(), name.c_str(), 0755) == 0) return;
  if (errno == EEXIST) throw Error(Errc::already_exists, fmt::format("'{}'", parent.path_of(name)));
  throw Error::from_last_errno(fmt::format("cannot create directory '{}'", parent.path_of(name)));
}

}  // namespace

struct Staging::Impl {
  Impl(Store& a_store, unsigned threads) : store(a_store), workers(threads) {}

  [[nodiscard]] std::optional<Directory> find(const std::string& area) const {
    const auto staging = store.directory().find_directory(kStaging);
    return staging ? staging->find_real_directory(area) : std::nullopt;
  }
  [[nodiscard]] Directory make(const std::string& area) const {
    return store.directory().make_directory(kStaging).make_directory(area);
  }

  // Takes staging/`area`/`name` away at once, and what is in it later.
  void discard(const std::string& area, const std::string& name) {
    const auto from = find(area);
    if (!from) return;
    const Directory gone = make(kGone);
    const std::string random = random_name();
    if (from->ops().rename(from->fd(), name.c_str(), gone.fd(), random.c_str()) != 0) return;
    workers.post([this] { sweep(); });
  }

  void sweep() noexcept {
    try {
      const auto gone = find(kGone);
      if (!gone) return;
      for (const std::string& name : gone->names()) remove_tree(*gone, name);
    } catch (const std::exception&) {
      // The next sweep tries again.
    }
  }

  Store& store;
  std::mutex mutex;
  std::map<Digest, ArrivingSnapshotPtr> arriving;  // guarded by mutex, as the next
  std::map<std::string, StagedSnapshotPtr, std::less<>> staged;
  StagingWorkers workers;  // last, so that its threads end first
};

Staging::Staging(Store& store, unsigned threads) : impl_(std::make_unique<Impl>(store, threads)) {}
Staging::~Staging() = default;

StagedSnapshotPtr Staging::find_new(std::string_view name) {
  const auto area = impl_->find(kNew);
  auto directory = area ? area->find_real_directory(std::string(name)) : std::nullopt;
  const std::scoped_lock lock(impl_->mutex);
  const auto kept = impl_->staged.find(name);
  if (!directory) {
    if (kept != impl_->staged.end()) impl_->staged.erase(kept);
    return nullptr;
  }
  if (kept != impl_->staged.end() && kept->second->impl_->directory.is(*directory)) return kept->second;
  std::string text(name);
  auto impl = std::make_unique<StagedSnapshot::Impl>(impl_->store, impl_->workers, std::move(*directory), text,
                                                     [this, text] { impl_->discard(kNew, text); });
  auto snapshot = std::make_shared<StagedSnapshot>(std::move(impl));
  impl_->staged.insert_or_assign(std::move(text), snapshot);
  return snapshot;
}

ArrivingSnapshotPtr Staging::find_arriving(const Digest& digest) {
  const auto area = impl_->find(kSnap);
  auto directory = area ? area->find_real_directory(digest.hex()) : std::nullopt;
  ArrivingSnapshotPtr snapshot;
  {
    const std::scoped_lock lock(impl_->mutex);
    const auto found = impl_->arriving.find(digest);
    if (!directory) {
      if (found != impl_->arriving.end()) impl_->arriving.erase(found);
      return nullptr;
    }
    if (found != impl_->arriving.end() && found->second->impl_->directory.is(*directory)) {
      if (found->second->is_sealed() && !impl_->store.has_snapshot(digest)) {
        // Removed since: what is left of its arrival must not stand for pages that have to come again.
        impl_->arriving.erase(found);
        impl_->discard(kSnap, digest.hex());
        return nullptr;
      }
      return found->second;
    }
    auto impl = std::make_unique<ArrivingSnapshot::Impl>(impl_->store, std::move(*directory), digest,
                                                         [this, digest] { impl_->discard(kSnap, digest.hex()); });
    snapshot = std::make_shared<ArrivingSnapshot>(std::move(impl));
    impl_->arriving.insert_or_assign(digest, snapshot);
  }
  snapshot->impl_->resume();
  return snapshot;
}

void Staging::make_new(std::string_view name) {
  if (!is_valid_name(name)) throw Error(Errc::invalid_argument, fmt::format("'{}' can't be a name", name));
  make_entry(impl_->make(kNew), std::string(name));
}

ArrivingSnapshotPtr Staging::make_arriving(const Digest& digest) {
  if (auto found = find_arriving(digest)) {
    found->impl_->directory.use();
    return found;
  }
  const Directory area = impl_->make(kSnap);
  if (area.ops().mkdir(area.fd(), digest.hex().c_str(), 0755) != 0 && errno != EEXIST) {
    throw Error::from_last_errno(fmt::format("cannot create directory '{}'", area.path_of(digest.hex())));
  }
  auto snapshot = find_arriving(digest);
  if (!snapshot) throw Error(Errc::not_found, fmt::format("'{}', just made,", area.path_of(digest.hex())));
  return snapshot;
}

bool Staging::has_arriving(const Digest& digest) const {
  const auto area = impl_->find(kSnap);
  return area && area->has(digest.hex());
}

std::vector<std::string> Staging::list_new() const {
  std::vector<std::string> names;
  if (const auto area = impl_->find(kNew)) names = area->names();
  std::erase_if(names, [](const std::string& name) { return !is_valid_name(name); });
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<Digest> Staging::list_arriving() const {
  std::vector<Digest> digests;
  const auto area = impl_->find(kSnap);
  if (!area) return digests;
  for (const std::string& name : area->names()) {
    const auto digest = name.size() == Digest::kHexChars ? Digest::try_parse(name) : std::nullopt;
    if (digest) digests.push_back(*digest);
  }
  std::sort(digests.begin(), digests.end());
  return digests;
}

void Staging::tidy() {
  std::vector<ArrivingSnapshotPtr> arriving;
  std::vector<StagedSnapshotPtr> staged;
  {
    const std::scoped_lock lock(impl_->mutex);
    std::erase_if(impl_->arriving, [](const auto& entry) { return !entry.second->impl_->directory.is_linked(); });
    std::erase_if(impl_->staged, [](const auto& entry) { return !entry.second->impl_->directory.is_linked(); });
    for (const auto& [digest, snapshot] : impl_->arriving) arriving.push_back(snapshot);
    for (const auto& [name, snapshot] : impl_->staged) staged.push_back(snapshot);
  }
  for (const auto& snapshot : staged) static_cast<void>(snapshot->impl_->directory.rest_if_idle(kIdle));
  for (const auto& snapshot : arriving) {
    if (!snapshot->impl_->directory.is_idle(kQuiet)) continue;
    try {
      snapshot->impl_->sync();
      snapshot->impl_->tidy();
    } catch (const std::exception&) {
      // Of no use to anybody here. It says so as its error, and what was not done is tried again.
    }
    static_cast<void>(snapshot->impl_->directory.rest_if_idle(kIdle));
  }
  impl_->sweep();
}

}  // namespace pfcache
