#include "upkeep/staging_tree.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "pfcache/error.hpp"

namespace pfcache {
namespace {

std::optional<struct stat> find_stat(const Directory& directory, const std::string& name) {
  struct stat st {};
  if (::fstatat(directory.fd(), name.c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0) return st;
  if (errno == ENOENT) return std::nullopt;
  throw Error::from_last_errno(fmt::format("cannot stat '{}'", directory.path_of(name)));
}

void require_depth(int depth, const Directory& directory) {
  if (depth <= kMaxStagingDepth) return;
  throw Error(Errc::too_large, fmt::format("'{}' is nested more than {} deep", directory.path(), kMaxStagingDepth));
}

void look_below(const Directory& directory, StagingEntry& entry, int depth) {
  require_depth(depth, directory);
  for (const std::string& name : directory.names()) {
    const auto st = find_stat(directory, name);
    if (!st) continue;
    entry.touched_unix_secs = std::max<std::int64_t>(entry.touched_unix_secs, st->st_mtim.tv_sec);
    if (S_ISDIR(st->st_mode)) {
      if (const auto below = find_real_directory(directory, name)) look_below(*below, entry, depth + 1);
    } else {
      ++entry.files;
      entry.bytes += static_cast<std::uint64_t>(st->st_size);
    }
  }
}

void list_kind(const Directory& staging, const std::string& kind, std::vector<StagingEntry>& entries) {
  const auto directory = find_real_directory(staging, kind);
  if (!directory) return;
  for (const std::string& name : directory->names()) {
    auto entry = look_at_tree(*directory, name);
    if (!entry) continue;
    entry->name = fmt::format("{}/{}", kind, name);
    entries.push_back(std::move(*entry));
  }
}

}  // namespace

std::optional<Directory> find_real_directory(const Directory& parent, const std::string& name) {
  const auto st = find_stat(parent, name);
  if (!st || !S_ISDIR(st->st_mode)) return std::nullopt;
  return parent.find_real_directory(name);  // what is a link by now is an error
}

std::optional<StagingEntry> look_at_tree(const Directory& parent, const std::string& name) {
  const auto directory = find_real_directory(parent, name);
  if (!directory) return std::nullopt;
  StagingEntry entry;
  struct stat st {};
  if (::fstat(directory->fd(), &st) != 0)
    throw Error::from_last_errno(fmt::format("cannot stat '{}'", directory->path()));
  entry.name = name;
  entry.touched_unix_secs = st.st_mtim.tv_sec;
  look_below(*directory, entry, 0);
  return entry;
}

void for_each_directory(const Directory& directory, const std::function<void(const Directory&)>& visit, int depth) {
  require_depth(depth, directory);
  visit(directory);
  for (const std::string& name : directory.names()) {
    if (const auto below = find_real_directory(directory, name)) for_each_directory(*below, visit, depth + 1);
  }
}

void remove_tree(const Directory& parent, const std::string& name, int depth) {
  require_depth(depth, parent);
  const auto unlink = [&](int flags) { return parent.ops().unlink(parent.fd(), name.c_str(), flags) == 0; };
  if (const auto directory = find_real_directory(parent, name)) {
    for (const std::string& below : directory->names()) remove_tree(*directory, below, depth + 1);
    if (unlink(AT_REMOVEDIR) || errno == ENOENT) return;
  } else if (unlink(0) || errno == ENOENT) {
    return;
  }
  throw Error::from_last_errno(fmt::format("cannot remove '{}'", parent.path_of(name)));
}

std::vector<StagingEntry> list_staging(const Store& store) {
  std::vector<StagingEntry> entries;
  const auto staging = find_real_directory(store.directory(), kStaging);
  if (!staging) return entries;
  for (const char* kind : {"new", "snap"}) list_kind(*staging, kind, entries);
  std::ranges::sort(entries, {}, &StagingEntry::name);
  return entries;
}

}  // namespace pfcache
