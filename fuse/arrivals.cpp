#include "fuse/arrivals.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <fstream>
#include <optional>

namespace pfcache::fuse {
namespace {

constexpr std::size_t kMaxGuests = 256;
constexpr std::size_t kMaxAbsent = 4096;

// Nothing for a thread that is gone, or of another namespace.
std::optional<pid_t> parent_of(pid_t thread) {
  std::ifstream file(fmt::format("/proc/{}/stat", thread));
  std::string line;
  std::getline(file, line);
  // Behind the name of the program, which may have anything in it: `) S 42 …`.
  const std::size_t name_end = line.rfind(')');
  pid_t parent = 0;
  if (name_end == std::string::npos || std::sscanf(line.c_str() + name_end, ") %*c %d", &parent) != 1)
    return std::nullopt;
  return parent;
}

}  // namespace

SnapshotPtr Arrival::view() {
  {
    const std::scoped_lock lock(mutex_);
    if (view_) return view_;
  }
  const auto manifest = snapshot_->manifest();
  if (!manifest) return nullptr;
  auto view = std::make_shared<SnapshotView>(snapshot_->digest(), snapshot_->manifest_bytes(), PageManifest(*manifest));
  const std::scoped_lock lock(mutex_);
  if (!view_) view_ = std::move(view);
  return view_;
}

void Arrival::note_writer(pid_t thread) {
  const std::scoped_lock lock(mutex_);
  if (guests_.size() >= kMaxGuests) guests_.clear();
  guests_.insert(thread);
  last_change_ = std::chrono::steady_clock::now();
}

void Arrival::note_visitor(pid_t thread) {
  const std::scoped_lock lock(mutex_);
  if (guests_.size() < kMaxGuests) guests_.insert(thread);
}

void Arrival::note_copier(pid_t thread) {
  const std::scoped_lock lock(mutex_);
  if (copiers_.size() >= kMaxGuests) copiers_.clear();
  copiers_.insert(thread);
}

void Arrival::note_absent(pid_t thread, const std::string& path) {
  const std::scoped_lock lock(mutex_);
  if (absent_.size() >= kMaxAbsent) absent_.clear();
  absent_.insert_or_assign(path, thread);
}

void Arrival::note_open() {
  const std::scoped_lock lock(mutex_);
  ++open_files_;
}

void Arrival::note_close() {
  const std::scoped_lock lock(mutex_);
  --open_files_;
  last_change_ = std::chrono::steady_clock::now();
}

bool Arrival::is_busy_locked() const {
  return open_files_ > 0 || std::chrono::steady_clock::now() - last_change_ < moment_;
}

bool Arrival::is_at_work(pid_t thread) const {
  std::unique_lock lock(mutex_);
  if (!is_busy_locked()) return false;
  if (guests_.contains(thread)) return true;
  lock.unlock();
  const auto parent = parent_of(thread);
  lock.lock();
  return parent && guests_.contains(*parent);
}

bool Arrival::hides(pid_t thread, const std::string& path) const {
  const std::scoped_lock lock(mutex_);
  if (!is_busy_locked()) return false;
  const auto absent = absent_.find(path);
  return (absent != absent_.end() && absent->second == thread) || (copiers_.contains(thread) && !made_.contains(path));
}

void Arrival::hide(const std::string& path) {
  const std::scoped_lock lock(mutex_);
  hidden_.insert(path);
  made_.erase(path);
}

void Arrival::note_made(const std::string& path) {
  const std::scoped_lock lock(mutex_);
  hidden_.erase(path);
  absent_.erase(path);
  made_.insert(path);
}

bool Arrival::is_hidden(const std::string& path) const {
  const std::scoped_lock lock(mutex_);
  return hidden_.contains(path);
}

ArrivalPtr Arrivals::find(const Digest& digest) {
  ArrivingSnapshotPtr snapshot = staging_.find_arriving(digest);
  if (snapshot) return keep(std::move(snapshot), digest);
  const std::scoped_lock lock(mutex_);
  known_.erase(digest);
  return nullptr;
}

ArrivalPtr Arrivals::find_known(const Digest& digest) const {
  const std::scoped_lock lock(mutex_);
  const auto found = known_.find(digest);
  return found == known_.end() ? nullptr : found->second;
}

ArrivalPtr Arrivals::make(const Digest& digest) { return keep(staging_.make_arriving(digest), digest); }

void Arrivals::tidy() {
  std::map<Digest, ArrivalPtr> gone;  // let go after the lock
  const std::scoped_lock lock(mutex_);
  for (const auto& [digest, arrival] : known_) {
    if (!staging_.has_arriving(digest)) gone.emplace(digest, arrival);
  }
  for (const auto& [digest, arrival] : gone) known_.erase(digest);
}

ArrivalPtr Arrivals::keep(ArrivingSnapshotPtr snapshot, const Digest& digest) {
  const std::scoped_lock lock(mutex_);
  ArrivalPtr& place = known_[digest];
  if (!place || &place->snapshot() != snapshot.get()) place = std::make_shared<Arrival>(std::move(snapshot), moment_);
  return place;
}

}  // namespace pfcache::fuse
