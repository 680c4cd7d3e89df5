#include "engine/dest_file.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "pfcache/error.hpp"

namespace pfcache {
namespace {

// Renames only onto a name that is free.
class NoReplaceOps final : public FileOps {
 public:
  int rename(int from_dir_fd, const char* from, int to_dir_fd, const char* to) override {
    if (::renameat2(from_dir_fd, from, to_dir_fd, to, RENAME_NOREPLACE) == 0) return 0;
    if (errno != EINVAL && errno != ENOSYS) return -1;
    // A filesystem without that flag: a link doesn't replace either.
    if (::linkat(from_dir_fd, from, to_dir_fd, to, 0) != 0) return -1;
    return unlink(from_dir_fd, from, 0);
  }
};

std::unique_ptr<FileOps> make_ops(bool overwrite) {
  if (overwrite) return std::make_unique<FileOps>();
  return std::make_unique<NoReplaceOps>();
}

std::string file_name_of(const std::filesystem::path& dest) {
  std::string name = dest.filename().native();
  if (!name.empty() && name != "." && name != "..") return name;
  throw Error(Errc::invalid_argument, fmt::format("'{}' names no file", dest.native()));
}

std::filesystem::path parent_of(const std::filesystem::path& dest) {
  return dest.has_parent_path() ? dest.parent_path() : std::filesystem::path(".");
}

[[noreturn]] void refuse_existing(const std::string& path) {
  throw Error(Errc::already_exists, fmt::format("'{}' exists", path));
}

// The directory, found to be fit before a temporary file is made in it.
Directory open_parent(const std::filesystem::path& dest, const std::string& name, bool overwrite, FileOps& ops) {
  Directory directory = Directory::open(parent_of(dest), ops);
  if (!overwrite && directory.has(name)) refuse_existing(dest.native());
  return directory;
}

}  // namespace

DestFile::DestFile(const std::filesystem::path& dest, std::uint64_t size_bytes, bool overwrite)
    : ops_(make_ops(overwrite)),
      name_(file_name_of(dest)),
      directory_(open_parent(dest, name_, overwrite, *ops_)),
      file_(directory_) {
  file_.allocate(size_bytes);
}

void DestFile::publish() {
  file_.sync();
  try {
    file_.publish(name_);
  } catch (const Error& error) {
    if (error.code() == std::errc::file_exists) refuse_existing(path());
    throw;
  }
  directory_.sync();
}

}  // namespace pfcache
