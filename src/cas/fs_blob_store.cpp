#include "pfcache/fs_blob_store.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/directory.hpp"
#include "base/hex.hpp"
#include "cas/blob_files.hpp"
#include "cas/encodings.hpp"
#include "cas/fs_blob_batch.hpp"
#include "pfcache/error.hpp"
#include "pfcache/sha256.hpp"

namespace pfcache {
namespace {

// A writer that changes a blob's encoding publishes the new file before it removes the old one. A reader that looked
// for the new too early and for the old too late sees neither; looking again it finds the new one. Only as many changes
// of one blob, each in the same instant of a look, as there are looks would still hide it: a change waits for a disk.
constexpr int kLooks = 4;

void require_digest(const Digest& expected, std::span<const std::byte> bytes, const std::string& path) {
  const Digest found = sha256(bytes);
  if (found == expected) return;
  throw Error(Errc::damaged,
              fmt::format("blob file '{}': expected SHA-256 {}, found {}", path, expected.hex(), found.hex()));
}

// Calls `read(codec, file)` for the files of `digest`, one encoding after the other, until one succeeds.
template <typename Read>
void read_any(BlobDirectories& directories, VerifiedFiles& verified, const Digest& digest, Read&& read) {
  std::optional<Error> failure;
  for (int look = 0; look < kLooks; ++look) {
    const Directory* shard = directories.find(shard_of(digest));
    if (shard == nullptr) continue;
    for (const Codec& codec : codecs()) {
      const auto file = open_stored_file(*shard, blob_file_name(digest, codec));
      if (!file) continue;
      try {
        return read(codec, *file);
      } catch (const Error& error) {
        verified.forget(digest);
        // Damage is told only when nothing else stood in the way of reading an intact file.
        if (!failure || failure->code() == Errc::damaged) failure.emplace(error);
      }
    }
    if (failure) throw Error(*failure);
  }
  throw Error(Errc::not_found, fmt::format("blob {}", digest.hex()));
}

// Fills `out` from the first file that there is of `digest`, unchecked; false when that did not work, for whatever
// reason.
bool decode_first(BlobDirectories& directories, const Digest& digest, std::span<std::byte> out) {
  try {
    const Directory* shard = directories.find(shard_of(digest));
    if (shard == nullptr) return false;
    for (const Codec& codec : codecs()) {
      const auto file = open_stored_file(*shard, blob_file_name(digest, codec));
      if (!file) continue;
      codec.decode_into(*file, out);
      return true;
    }
    return false;
  } catch (const Error&) {
    return false;
  }
}

// Calls `visit(digest, info)` for the blobs in one shard.
template <typename Visit>
void visit_shard(const Directory& shard, std::size_t index, Visit&& visit) {
  for (const std::string& name : shard.names()) {
    const auto parsed = parse_blob_file_name(name);
    if (!parsed || shard_of(parsed->digest) != index) continue;
    // One that went since the directory was read is as good as one that was never there.
    if (const auto stored_bytes = find_regular_file(shard, name))
      visit(parsed->digest, {parsed->encoding, *stored_bytes});
  }
}

}  // namespace

struct FsBlobStore::Impl {
  Impl(const Directory& root, EncodingPolicy chosen) : directories(root), policy(chosen) {}

  BlobDirectories directories;
  VerifiedFiles verified;
  EncodingPolicy policy;
};

std::optional<EncodingPolicy> encoding_named(std::string_view name) noexcept {
  if (name == "auto") return EncodingPolicy::automatic;
  if (name == "zst19") return EncodingPolicy::zstd_19;
  if (name == "raw") return EncodingPolicy::raw;
  return std::nullopt;
}

FsBlobStore::FsBlobStore(const std::filesystem::path& root, EncodingPolicy policy)
    : FsBlobStore(Directory::open(root), policy) {}

FsBlobStore::FsBlobStore(const Directory& root, EncodingPolicy policy) : impl_(std::make_unique<Impl>(root, policy)) {}

FsBlobStore::~FsBlobStore() = default;

std::unique_ptr<BlobBatch> FsBlobStore::begin_batch() {
  return std::make_unique<FsBlobBatch>(impl_->directories, impl_->verified, impl_->policy);
}

void FsBlobStore::get_into(const Digest& digest, std::span<std::byte> out) const {
  read_any(impl_->directories, impl_->verified, digest, [&](const Codec& codec, const StoredFile& file) {
    codec.decode_into(file, out);
    require_digest(digest, out, file.path);
  });
}

void FsBlobStore::get_many(std::span<GetRequest> requests) const {
  // First what is usual: one file a blob, decoded without a look at its hash. Those are hashed together.
  std::vector<GetRequest*> decoded;
  std::vector<std::span<const std::byte>> outs;
  for (GetRequest& request : requests) {
    if (!decode_first(impl_->directories, request.digest, request.out)) continue;
    decoded.push_back(&request);
    outs.emplace_back(request.out);
  }
  std::vector<Digest> digests(outs.size());
  sha256_many(outs, digests);
  std::unordered_set<const GetRequest*> good;
  for (std::size_t i = 0; i < decoded.size(); ++i) {
    if (digests[i] == decoded[i]->digest) good.insert(decoded[i]);
  }
  // What is left gets another look, one by one: at other encodings, and for an error that says what is wrong.
  for (GetRequest& request : requests) {
    if (!good.contains(&request)) BlobStore::get_many(std::span(&request, 1));
  }
}

std::vector<std::byte> FsBlobStore::get(const Digest& digest, std::uint64_t limit_bytes) const {
  std::vector<std::byte> bytes;
  read_any(impl_->directories, impl_->verified, digest, [&](const Codec& codec, const StoredFile& file) {
    bytes = codec.decode(file, std::min(limit_bytes, kMaxBlobBytes));
    require_digest(digest, bytes, file.path);
  });
  return bytes;
}

std::optional<UniqueFd> FsBlobStore::open_raw(const Digest& digest, std::uint64_t size_bytes) const {
  const Directory* shard = impl_->directories.find(shard_of(digest));
  if (shard == nullptr) return std::nullopt;
  auto file = open_stored_file(*shard, blob_file_name(digest, codec_of(Encoding::raw)));
  if (!file || file->size_bytes != size_bytes) return std::nullopt;
  return std::move(file->fd);
}

std::optional<BlobInfo> FsBlobStore::find(const Digest& digest) const {
  for (int look = 0; look < kLooks; ++look) {
    const Directory* shard = impl_->directories.find(shard_of(digest));
    if (shard == nullptr) continue;
    for (const Codec& codec : codecs()) {
      const auto stored_bytes = find_regular_file(*shard, blob_file_name(digest, codec));
      if (stored_bytes) return BlobInfo{codec.encoding, *stored_bytes};
    }
  }
  return std::nullopt;
}

void FsBlobStore::for_each(const std::function<void(const Digest&, const BlobInfo&)>& visit) const {
  for (std::size_t index = 0; index < kShards; ++index) {
    if (const Directory* shard = impl_->directories.find(index)) visit_shard(*shard, index, visit);
  }
}

bool FsBlobStore::remove(const Digest& digest) {
  const Directory* shard = impl_->directories.find(shard_of(digest));
  if (shard == nullptr) return false;
  bool removed = false;
  for (const Codec& codec : codecs()) {
    const std::string name = blob_file_name(digest, codec);
    // Not synced: a blob that a crash brings back is garbage as it was before.
    if (shard->ops().unlink(shard->fd(), name.c_str(), 0) == 0) {
      removed = true;
    } else if (errno != ENOENT) {
      throw Error::from_last_errno(fmt::format("cannot remove '{}'", shard->path_of(name)));
    }
  }
  return removed;
}

}  // namespace pfcache
