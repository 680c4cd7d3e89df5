#include "snapshot/temp_tree.hpp"

#include <fmt/format.h>
#include <sys/random.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>

#include "pfcache/error.hpp"

namespace pfcache {
namespace {

namespace fs = std::filesystem;

/// `dest` as an absolute path that a rename can replace: links followed, without a slash at its end.
fs::path settle(const fs::path& dest) {
  fs::path path = fs::weakly_canonical(fs::absolute(dest));
  if (!path.has_filename()) path = path.parent_path();
  return path;
}

void require_vacant(const fs::path& dest) {
  const auto status = fs::status(dest);
  if (!fs::exists(status)) return;
  if (fs::is_directory(status) && fs::is_empty(dest)) return;
  throw Error(Errc::already_exists, fmt::format("'{}'", dest.native()));
}

void require_parent(const fs::path& dest) {
  if (fs::is_directory(dest.parent_path())) return;
  throw Error(Errc::not_found,
              fmt::format("directory '{}' to write '{}' in", dest.parent_path().native(), dest.filename().native()));
}

/// Makes `.<name>.pfcache-<random>` beside `dest`.
fs::path make_beside(const fs::path& dest) {
  constexpr std::size_t kMaxNameBytes = 200;  // file systems allow 255 with what is put around it
  const std::string name = dest.filename().native().substr(0, kMaxNameBytes);
  while (true) {
    std::uint64_t bits = 0;
    if (::getrandom(&bits, sizeof bits, 0) != ssize_t{sizeof bits}) {
      throw Error::from_last_errno("cannot get random bytes");
    }
    fs::path path = dest.parent_path() / fmt::format(".{}.pfcache-{:016x}", name, bits);
    if (::mkdir(path.c_str(), 0777) == 0) return path;
    if (errno != EEXIST) throw Error::from_last_errno(fmt::format("cannot create directory '{}'", path.native()));
  }
}

}  // namespace

TempTree::TempTree(const fs::path& dest) : dest_(settle(dest)) {
  require_vacant(dest_);
  require_parent(dest_);
  path_ = make_beside(dest_);
}

TempTree::~TempTree() {
  std::error_code ignored;  // nothing can be done about it here
  if (!path_.empty()) fs::remove_all(path_, ignored);
}

void TempTree::commit() {
  // rename(2) replaces an empty directory, and only such.
  if (std::rename(path_.c_str(), dest_.c_str()) != 0) {
    const int error = errno;
    if (error == EEXIST || error == ENOTEMPTY || error == ENOTDIR) {
      throw Error(Errc::already_exists, fmt::format("'{}'", dest_.native()));
    }
    throw Error::from_errno(error, fmt::format("cannot rename '{}' to '{}'", path_.native(), dest_.native()));
  }
  path_.clear();
}

}  // namespace pfcache
