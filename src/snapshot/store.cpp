#include "pfcache/store.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <thread>
#include <tuple>

#include "base/directory.hpp"
#include "pfcache/config.hpp"
#include "pfcache/error.hpp"
#include "snapshot/manifest_blob.hpp"
#include "snapshot/store_config.hpp"

namespace pfcache {
namespace {

const std::string kConfig = "config.toml";
const std::string kLock = "lock";

// Everything a command does to a snapshot keeps this order, so that a crash leaves the old state or the new one and a
// clean-up never takes what is still needed:
//
//   lease → blobs of the pages → manifest blob → snapshots/<digest> → refs/<name> → lease given back
//
// each durable before the next begins. Removal goes the other way round.

bool has_pf_core_blobs(const Directory& directory) {
  const auto blobs = directory.find_directory("blobs");
  return blobs && blobs->find_directory("sha256");
}

std::optional<StoreConfig> read_config(const Directory& directory) {
  const auto text = directory.read_file(kConfig, kMaxConfigBytes);
  if (!text) return std::nullopt;
  return parse_config(*text, directory.path_of(kConfig));
}

UniqueFd open_lock(const Directory& directory) {
  while (true) {
    UniqueFd fd(directory.ops().open(directory.fd(), kLock.c_str(), O_CREAT | O_RDWR, 0644));
    if (fd) return fd;
    if (errno == EINTR) continue;
    throw Error::from_last_errno(
        fmt::format("cannot write to the store '{}': its lock can't be opened", directory.path()));
  }
}

/// Locks the first byte of the open lock file, or unlocks it. A filesystem that can't do that makes clean-ups wait
/// longer, and nothing else: what keeps writers and clean-ups apart is flock.
bool lock_gate(const UniqueFd& lock, short type, int command) noexcept {
  struct flock gate {};
  gate.l_type = type;
  gate.l_whence = SEEK_SET;
  gate.l_len = 1;
  while (::fcntl(lock.get(), command, &gate) != 0) {
    if (errno != EINTR) return false;
  }
  return true;
}

Directory open_root(const std::filesystem::path& path) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (status.type() == std::filesystem::file_type::not_found) {
    throw Error(Errc::not_found, fmt::format("no store at '{}': there is no such directory", path.native()));
  }
  if (std::filesystem::exists(status) && !std::filesystem::is_directory(status)) {
    throw Error(Errc::not_found, fmt::format("no store at '{}': it is not a directory", path.native()));
  }
  return Directory::open(path);
}

/// The directory to become a store, made when it is absent.
Directory make_root(const std::filesystem::path& path) {
  if (std::filesystem::exists(std::filesystem::symlink_status(path))) return open_root(path);
  auto target = std::filesystem::absolute(path);
  if (!target.has_filename()) target = target.parent_path();  // "store/" is "store"
  return Directory::open(target.parent_path()).make_directory(target.filename().native());
}

/// What an init that was interrupted leaves, and what mkfs does, is as good as nothing.
void require_empty(const Directory& directory) {
  for (const std::string& name : directory.names()) {
    if (name == kLock || name == "lost+found" || is_temp_name(name)) continue;
    throw Error(Errc::invalid_argument,
                fmt::format("'{}' is neither empty nor a store: it holds '{}'", directory.path(), name));
  }
}

void require_profile(const Directory& directory, Profile found, std::optional<Profile> wanted) {
  if (!wanted || *wanted == found) return;
  throw Error(Errc::already_exists, fmt::format("'{}' is a store already, of profile {}, not {}", directory.path(),
                                                name_of(found), name_of(*wanted)));
}

}  // namespace

struct Store::Impl {
  Impl(std::filesystem::path where, Directory root, const StoreConfig& what, bool foreign)
      : path(std::move(where)),
        directory(std::move(root)),
        config(what),
        is_foreign(foreign),
        blobs(directory, encoding_of(what.profile, what.settings)),
        catalog(directory) {}

  std::filesystem::path path;
  Directory directory;
  StoreConfig config;
  bool is_foreign;
  FsBlobStore blobs;
  Catalog catalog;
};

Store Store::init(const std::filesystem::path& path, std::optional<Profile> profile) {
  const Directory directory = make_root(path);
  if (const auto config = read_config(directory)) {
    require_profile(directory, config->profile, profile);
    return open(path);
  }
  StoreConfig config;
  if (has_pf_core_blobs(directory)) {
    config.profile = profile.value_or(Profile::pf_core);
    config.adopted = true;  // its snapshots have no seals, which nobody may take for garbage
  } else {
    require_empty(directory);
    config.profile = profile.value_or(Profile::automatic);
  }
  // The configuration comes last: it is what makes the directory a store.
  open_lock(directory);
  directory.publish_file(kConfig, to_toml(config));
  return open(path);
}

Store Store::open(const std::filesystem::path& path, const StoreOptions& options) {
  return open(open_root(path), options);
}

Store Store::open(Directory directory, const StoreOptions& options) {
  std::filesystem::path path = directory.path();
  if (auto config = read_config(directory)) {
    if (options.encoding) config->settings.encoding = options.encoding;
    if (options.staging_keep) config->settings.staging_keep = options.staging_keep;
    return Store(std::make_unique<Impl>(std::move(path), std::move(directory), *config, false));
  }
  if (has_pf_core_blobs(directory)) {
    StoreConfig config;
    config.profile = Profile::pf_core;
    config.settings = options;
    return Store(std::make_unique<Impl>(std::move(path), std::move(directory), config, true));
  }
  throw Error(Errc::not_found,
              fmt::format("'{}' is not a store: it has neither {} nor blobs/sha256 (`pfcache init` makes one)",
                          path.native(), kConfig));
}

Store::Store(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
Store::Store(Store&&) noexcept = default;
Store& Store::operator=(Store&&) noexcept = default;
Store::~Store() = default;

const std::filesystem::path& Store::path() const noexcept { return impl_->path; }
Profile Store::profile() const noexcept { return impl_->config.profile; }
bool Store::is_foreign() const noexcept { return impl_->is_foreign; }
bool Store::may_hold_unsealed_snapshots() const noexcept {
  return is_foreign() || impl_->config.adopted || profile() == Profile::pf_core;
}
EncodingPolicy Store::encoding() const noexcept { return encoding_of(profile(), impl_->config.settings); }
std::chrono::seconds Store::staging_keep() const noexcept {
  return impl_->config.settings.staging_keep.value_or(kDefaultStagingKeep);
}
BlobStore& Store::blobs() noexcept { return impl_->blobs; }
const BlobStore& Store::blobs() const noexcept { return impl_->blobs; }
Catalog& Store::catalog() noexcept { return impl_->catalog; }
const Catalog& Store::catalog() const noexcept { return impl_->catalog; }
const Directory& Store::directory() const noexcept { return impl_->directory; }

WriterLease Store::lease() const {
  UniqueFd lock = open_lock(impl_->directory);
  // Writers who come one after the other would keep a clean-up out for ever: it closes the gate while it waits.
  lock_gate(lock, F_RDLCK, F_OFD_SETLKW);
  while (::flock(lock.get(), LOCK_SH) != 0) {
    if (errno == EINTR) continue;
    throw Error::from_last_errno(fmt::format("cannot lock '{}'", impl_->directory.path_of(kLock)));
  }
  lock_gate(lock, F_UNLCK, F_OFD_SETLK);
  return WriterLease(std::move(lock));
}

std::optional<CleanupLease> Store::try_cleanup_lease(std::chrono::milliseconds patience) const {
  constexpr auto kPoll = std::chrono::milliseconds(5);
  const auto end = std::chrono::steady_clock::now() + patience;
  UniqueFd lock = open_lock(impl_->directory);
  bool is_closed = false;
  while (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EINTR && errno != EWOULDBLOCK) {
      throw Error::from_last_errno(fmt::format("cannot lock '{}'", impl_->directory.path_of(kLock)));
    }
    if (std::chrono::steady_clock::now() >= end) return std::nullopt;
    // Not while a writer is on its way through the gate, who has come first.
    is_closed = is_closed || lock_gate(lock, F_WRLCK, F_OFD_SETLK);
    std::this_thread::sleep_for(kPoll);
  }
  lock_gate(lock, F_UNLCK, F_OFD_SETLK);
  return CleanupLease(std::move(lock));
}

void Store::note_cleanup() const noexcept {
  std::ignore = impl_->directory.ops().touch(impl_->directory.fd(), kLock.c_str());
}

std::optional<std::int64_t> Store::uncleaned_since_unix_secs() const {
  struct stat lock {};
  if (::fstatat(impl_->directory.fd(), kLock.c_str(), &lock, AT_SYMLINK_NOFOLLOW) == 0) return lock.st_mtim.tv_sec;
  if (errno == ENOENT) return std::nullopt;
  throw Error::from_last_errno(fmt::format("cannot stat '{}'", impl_->directory.path_of(kLock)));
}

bool Store::has_snapshot(const Digest& digest) const {
  return catalog().contains(digest) || (is_foreign() && blobs().contains(digest));
}

std::string Store::manifest_bytes(const Digest& digest) const { return load_manifest_bytes(blobs(), digest); }

PageManifest Store::manifest(const Digest& digest) const { return load_manifest(blobs(), digest); }

}  // namespace pfcache
