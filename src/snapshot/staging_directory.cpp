#include "snapshot/staging_directory.hpp"

#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <array>

#include "pfcache/error.hpp"
#include "pfcache/page_files.hpp"

namespace pfcache {
namespace {

const std::array<std::string, 3> kPartDirectories = {"pages", "k", "v"};

}  // namespace

const std::string& directory_of(PagePart part) noexcept { return kPartDirectories[static_cast<std::size_t>(part)]; }

std::optional<PagePart> part_named(std::string_view directory) noexcept {
  for (std::size_t i = 0; i < kPartDirectories.size(); ++i) {
    if (kPartDirectories[i] == directory) return static_cast<PagePart>(i);
  }
  return std::nullopt;
}

std::optional<PageFile> page_file_at(std::string_view directory, std::string_view name) noexcept {
  const auto part = part_named(directory);
  const auto ix = parse_page_file_name(name);
  if (!part || !ix) return std::nullopt;
  return PageFile{*part, *ix};
}

std::string path_of(const PageFile& file) { return directory_of(file.part) + "/" + page_file_name(file.ix); }

PartDirectories::PartDirectories(const Directory& root) {
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    if (auto found = root.find_real_directory(kPartDirectories.at(i))) parts_.at(i).emplace(std::move(*found));
  }
}

StagingDirectory::StagingDirectory(Directory directory) : root_(std::move(directory)) { use(); }

bool StagingDirectory::is(const Directory& other) const {
  struct stat mine {};
  struct stat theirs {};
  return ::fstat(root_.fd(), &mine) == 0 && ::fstat(other.fd(), &theirs) == 0 && mine.st_dev == theirs.st_dev &&
         mine.st_ino == theirs.st_ino;
}

bool StagingDirectory::is_linked() const {
  struct stat found {};
  return ::fstat(root_.fd(), &found) == 0 && found.st_nlink > 0;
}

std::vector<PageFile> StagingDirectory::page_files() const {
  std::vector<PageFile> files;
  for (const PagePart part : {PagePart::whole, PagePart::key, PagePart::value}) {
    const auto directory = this->part(part);
    if (!directory) continue;
    for (const std::string& name : directory->names()) {
      if (const auto ix = parse_page_file_name(name)) files.push_back({part, *ix});
    }
  }
  return files;
}

// A clean-up that holds the lock alone right now is removing the directory: what follows fails with ENOENT, as it would
// a moment later.
void StagingDirectory::use() {
  const std::scoped_lock lock(mutex_);
  last_use_ = std::chrono::steady_clock::now();
  if (is_locked_) return;
  is_locked_ = ::flock(root_.fd(), LOCK_SH | LOCK_NB) == 0;
}

bool StagingDirectory::is_idle(std::chrono::seconds idle) {
  const std::scoped_lock lock(mutex_);
  return std::chrono::steady_clock::now() - last_use_ >= idle;
}

bool StagingDirectory::rest_if_idle(std::chrono::seconds idle) {
  const std::scoped_lock lock(mutex_);
  if (std::chrono::steady_clock::now() - last_use_ < idle) return false;
  if (is_locked_) ::flock(root_.fd(), LOCK_UN);
  is_locked_ = false;
  return true;
}

}  // namespace pfcache
