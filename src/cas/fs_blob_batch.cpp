#include "cas/fs_blob_batch.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>

#include "cas/encodings.hpp"
#include "cas/limits.hpp"
#include "pfcache/error.hpp"
#include "pfcache/sha256.hpp"

namespace pfcache {
namespace {

// An old blob that is put again is young again: a clean-up's grace period then covers those too who give their lease
// back between putting pages and sealing them. Not at every put, which would only wear the disk. Failing costs no more
// than that, and may be because the file is somebody else's.
constexpr std::int64_t kFreshNs = std::int64_t{10} * 60 * 1'000'000'000;

void freshen(const Directory& shard, const Codec& codec, const Digest& digest, const StoredFile& file) {
  if (stamp_clock_ns() - file.stamp.modified_ns < kFreshNs) return;
  std::ignore = shard.ops().touch(shard.fd(), blob_file_name(digest, codec).c_str());
}

}  // namespace

void FsBlobBatch::put_many(std::span<const std::span<const std::byte>> blobs, std::span<PutResult> results,
                           const BlobHint& hint) {
  for (const auto& bytes : blobs) require_storable(bytes);
  std::vector<Digest> digests(blobs.size());
  sha256_many(blobs, digests);
  for (std::size_t i = 0; i < blobs.size(); ++i) results[i] = put_hashed(digests[i], blobs[i], hint);
}

PutResult FsBlobBatch::put_hashed(const Digest& digest, std::span<const std::byte> bytes, const BlobHint& hint) {
  if (const auto done = find_done(digest)) return *done;

  const Held held = look_at_store(digest, bytes);
  std::vector<PendingBlob> written;
  std::uint64_t stored_bytes = held.intact_bytes.value_or(0);
  const bool added = !held.intact_bytes;
  const auto write = [&](const EncodedBlob& blob) {
    written.push_back(write_pending(digest, blob));
    if (added) stored_bytes += blob.bytes().size();
  };
  for (const Codec* codec : held.damaged) write(codec->encode(bytes, policy_));
  if (added && written.empty()) write(encode_blob(bytes, policy_, hint));
  return finish({digest, added, stored_bytes}, std::move(written));
}

void FsBlobBatch::commit() {
  const std::scoped_lock lock(mutex_);
  publish_blobs(directories_, pending_, touched_);
  pending_.clear();
}

std::optional<PutResult> FsBlobBatch::find_done(const Digest& digest) {
  const std::scoped_lock lock(mutex_);
  const auto done = done_.find(digest);
  if (done == done_.end()) return std::nullopt;
  return PutResult{digest, false, done->second};
}

FsBlobBatch::Held FsBlobBatch::look_at_store(const Digest& digest, std::span<const std::byte> bytes) {
  Held held;
  const Directory* shard = directories_.find(shard_of(digest));
  if (shard == nullptr) return held;
  for (const Codec& codec : codecs()) {
    const auto file = open_stored_file(*shard, blob_file_name(digest, codec));
    if (!file) continue;
    if (is_intact(digest, codec, *file, bytes)) {
      held.intact_bytes = file->size_bytes;
      freshen(*shard, codec, digest, *file);
    } else {
      held.damaged.push_back(&codec);
    }
  }
  return held;
}

bool FsBlobBatch::is_intact(const Digest& digest, const Codec& codec, const StoredFile& file,
                            std::span<const std::byte> bytes) {
  const std::int64_t now_ns = stamp_clock_ns();
  if (verified_.contains(digest, file.stamp, now_ns)) return true;
  if (!file_holds(codec, file, bytes)) return false;
  verified_.add(digest, file.stamp, now_ns);
  return true;
}

PendingBlob FsBlobBatch::write_pending(const Digest& digest, const EncodedBlob& blob) {
  PendingFile file(directories_.make(shard_of(digest)));
  file.write(blob.bytes());
  return finish_writing(std::move(file), blob_file_name(digest, codec_of(blob.encoding())));
}

PutResult FsBlobBatch::finish(const PutResult& result, std::vector<PendingBlob> written) {
  const std::scoped_lock lock(mutex_);
  // Another thread may have put the same bytes meanwhile. Its files count, and ours go with `written`: waiting for it
  // instead would leave us without the blob if it failed.
  const bool is_first = done_.try_emplace(result.digest, result.stored_bytes).second;
  if (!is_first) return {result.digest, false, done_.at(result.digest)};
  touched_.set(shard_of(result.digest));
  std::move(written.begin(), written.end(), std::back_inserter(pending_));
  return result;
}

}  // namespace pfcache
