#include "cas/blob_files.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <tuple>
#include <utility>
#include <vector>

#include "base/parallel.hpp"
#include "cas/scratch.hpp"
#include "pfcache/error.hpp"

namespace pfcache {
namespace {

constexpr const char* kTopName = "blobs";
constexpr const char* kAlgorithmName = "sha256";

// As Directory::make_directory, without the sync of its entry: a batch that makes 256 shards syncs their parent once.
void make_entry(const Directory& parent, const std::string& name) {
  if (parent.ops().mkdir(parent.fd(), name.c_str(), 0755) == 0 || errno == EEXIST) return;
  throw Error::from_last_errno(fmt::format("cannot create directory '{}'", parent.path_of(name)));
}

void find_into(std::optional<Directory>& slot, const Directory& parent, const std::string& name) {
  try {
    if (auto found = parent.find_directory(name)) slot.emplace(std::move(*found));
  } catch (const Error& error) {
    if (error.code() != std::errc::not_a_directory) throw;  // somebody's file of that name: no blobs in it
  }
}

void make_into(std::optional<Directory>& slot, const Directory& parent, const std::string& name) {
  if (slot) return;
  make_entry(parent, name);
  find_into(slot, parent, name);
  if (!slot) throw Error::from_errno(ENOTDIR, fmt::format("'{}' is in the way of blobs", parent.path_of(name)));
}

}  // namespace

std::size_t shard_of(const Digest& digest) noexcept { return std::to_integer<std::size_t>(digest.bytes()[0]); }

std::string shard_name(std::size_t shard) { return fmt::format("{:02x}", shard); }

std::string blob_file_name(const Digest& digest, const Codec& codec) {
  return fmt::format("{}{}", digest.hex(), codec.suffix);
}

std::optional<BlobFileName> parse_blob_file_name(std::string_view name) {
  if (name.size() <= Digest::kHexChars) return std::nullopt;
  const std::string_view suffix = name.substr(Digest::kHexChars);
  const auto all = codecs();
  const auto codec = std::find_if(all.begin(), all.end(), [=](const Codec& c) { return c.suffix == suffix; });
  if (codec == all.end()) return std::nullopt;
  const auto digest = Digest::try_parse(name.substr(0, Digest::kHexChars));
  if (!digest) return std::nullopt;
  return BlobFileName{*digest, codec->encoding};
}

const Directory* BlobDirectories::find(std::size_t shard) {
  const std::scoped_lock lock(mutex_);
  return find_locked(shard);
}

const Directory* BlobDirectories::find_locked(std::size_t shard) {
  std::optional<Directory>& slot = shards_[shard];
  if (!slot) {
    if (!blobs_) find_into(blobs_, root_, kTopName);
    if (blobs_ && !sha256_) find_into(sha256_, *blobs_, kAlgorithmName);
    if (sha256_) find_into(slot, *sha256_, shard_name(shard));
  }
  return slot ? &*slot : nullptr;
}

const Directory& BlobDirectories::make(std::size_t shard) {
  const std::scoped_lock lock(mutex_);
  if (const Directory* found = find_locked(shard)) return *found;
  make_into(blobs_, root_, kTopName);
  make_into(sha256_, *blobs_, kAlgorithmName);
  make_into(shards_[shard], *sha256_, shard_name(shard));
  return *shards_[shard];
}

void BlobDirectories::sync(const std::bitset<kShards>& shards) {
  std::bitset<kShards> unsure;
  {
    const std::scoped_lock lock(mutex_);
    unsure = shards & ~durable_shards_;
  }
  // Without the lock: syncs are slow, readers need it, and an open directory stays where it is.
  std::vector<const Directory*> touched;
  for (std::size_t shard = 0; shard < kShards; ++shard) {
    if (shards[shard]) touched.push_back(&*shards_[shard]);
  }
  sync_all(touched.size(), [&](std::size_t i) { touched[i]->sync(); });
  if (unsure.none()) return;
  // A directory that was there may be one that another process has just made and not yet synced: only a sync of our own
  // makes it sure.
  sha256_->sync();
  blobs_->sync();
  root_.sync();
  const std::scoped_lock lock(mutex_);
  durable_shards_ |= unsure;
}

void sync_all(std::size_t count, const std::function<void(std::size_t)>& sync) {
  constexpr std::size_t kFew = 16;
  constexpr unsigned kThreads = 8;  // they wait, they don't compute
  parallel_for(count, count <= kFew ? 1 : kThreads, {}, sync);
}

PendingBlob finish_writing(PendingFile file, std::string name) {
  // Lets the disk begin now, so that the syncs of publish_blobs() find little left to do. Only a hint: failing changes
  // nothing.
  std::ignore = ::sync_file_range(file.fd(), 0, 0, SYNC_FILE_RANGE_WRITE);
  file.close();
  return {std::move(file), std::move(name)};
}

void publish_blobs(BlobDirectories& directories, std::vector<PendingBlob>& blobs, const std::bitset<kShards>& touched) {
  sync_all(blobs.size(), [&](std::size_t i) {
    blobs[i].file.sync();
    blobs[i].file.close();
  });
  for (PendingBlob& blob : blobs) blob.file.publish(blob.name);
  directories.sync(touched);
}

std::optional<std::uint64_t> find_regular_file(const Directory& directory, const std::string& name) {
  struct stat st {};
  if (::fstatat(directory.fd(), name.c_str(), &st, 0) != 0) {
    if (errno == ENOENT) return std::nullopt;
    throw Error::from_last_errno(fmt::format("cannot stat '{}'", directory.path_of(name)));
  }
  if (!S_ISREG(st.st_mode)) return std::nullopt;
  return static_cast<std::uint64_t>(st.st_size);
}

std::optional<StoredFile> open_stored_file(const Directory& directory, const std::string& name) {
  auto fd = directory.find_file(name);
  if (!fd) return std::nullopt;
  struct stat st {};
  if (::fstat(fd->get(), &st) != 0)
    throw Error::from_last_errno(fmt::format("cannot stat '{}'", directory.path_of(name)));
  if (!S_ISREG(st.st_mode)) return std::nullopt;
  return StoredFile{std::move(*fd), static_cast<std::uint64_t>(st.st_size), directory.path_of(name), stamp_of(st)};
}

bool file_holds(const Codec& codec, const StoredFile& file, std::span<const std::byte> bytes) {
  const Scratch found(bytes.size());
  try {
    codec.decode_into(file, found.bytes());
  } catch (const Error& error) {
    if (error.code() == Errc::damaged) return false;
    throw;
  }
  return bytes.empty() || std::memcmp(found.bytes().data(), bytes.data(), bytes.size()) == 0;
}

}  // namespace pfcache
