#include "fuse/hot_store.hpp"

#include <fmt/format.h>

#include <exception>
#include <utility>

#include "fuse/file_bytes.hpp"
#include "pfcache/error.hpp"
#include "pfcache/sha256.hpp"

namespace pfcache::fuse {
namespace {

// Files take whole pages of memory or blocks of disk.
constexpr std::uint64_t kBlockBytes = 4096;

std::uint64_t cost_bytes(const HotKey& key) { return (key.size_bytes() + kBlockBytes - 1) / kBlockBytes * kBlockBytes; }

}  // namespace

HotStore::HotStore(const BlobStore& blobs, HotBacking& backing, const HotLimits& limits, Log& log)
    : blobs_(blobs), backing_(backing), memory_(make_hot_memory()), limits_(limits), log_(log) {
  for (const HotKey& key : backing_.list()) keep(key, nullptr);
}

HotFilePtr HotStore::get(const HotKey& key) {
  if (HotFilePtr file = find(key)) return file;
  return flights_.run(key, [&] {
    // Another flight may have landed between the look above and the start of this one.
    if (HotFilePtr file = find(key)) return file;
    HotFilePtr file = make(key);
    keep(key, file);
    return file;
  });
}

bool HotStore::has(const HotKey& key) const {
  const std::lock_guard lock(mutex_);
  const auto found = index_.find(key);
  return found != index_.end() && found->second->file != nullptr;
}

std::uint64_t HotStore::held_bytes() const {
  const std::lock_guard lock(mutex_);
  return held_bytes_;
}

HotCounts HotStore::counts() const {
  HotCounts counts;
  counts.decoded_bytes = decoded_bytes_.load(std::memory_order_relaxed);
  counts.read_ahead_bytes = read_ahead_bytes_.load(std::memory_order_relaxed);
  counts.verify_failures = verify_failures_.load(std::memory_order_relaxed);
  const std::lock_guard lock(mutex_);
  counts.files = entries_.size();
  counts.held_bytes = held_bytes_;
  counts.evictions = evictions_;
  return counts;
}

HotFilePtr HotStore::find(const HotKey& key) {
  HotFilePtr file;
  {
    const std::lock_guard lock(mutex_);
    const auto found = index_.find(key);
    if (found == index_.end()) return nullptr;
    entries_.splice(entries_.begin(), entries_, found->second);
    file = found->second->file;
  }
  // The entry of one that isn't good stays until the next one takes its place.
  return file != nullptr && is_good(key, *file) ? file : nullptr;
}

bool HotStore::is_good(const HotKey& key, const HotFile& file) {
  if (file.is_sealed()) return true;
  if (!file.is_current()) return false;
  if (limits_.verify == VerifyWhen::once) return true;
  return scratch_.with(key.size_bytes(), [&](std::span<std::byte> bytes) {
    return read_at(file.fd(), 0, bytes) && has_digests(key, bytes);
  });
}

// What needs no work: a blob's own file, or what an earlier process left.
HotFilePtr HotStore::find_left(const HotKey& key) {
  if (HotFilePtr blob = find_verified_blob(key)) return blob;
  std::optional<UniqueFd> left = backing_.find(key);
  return left ? std::make_shared<const HotFile>(*std::move(left), key.size_bytes(), backing_.is_sealed()) : nullptr;
}

// A blob's own file that this process has verified before, be it no longer held.
HotFilePtr HotStore::find_verified_blob(const HotKey& key) const {
  if (key.blob_count != 1 || limits_.verify == VerifyWhen::always) return nullptr;
  std::optional<UniqueFd> blob = blobs_.open_raw(key.digests[0], key.blob_bytes);
  if (!blob) return nullptr;
  const FileStamp stamp = FileStamp::of(blob->get());
  if (!verified_.has(key.digests[0], stamp)) return nullptr;
  return std::make_shared<const HotFile>(*std::move(blob), stamp);
}

HotFilePtr HotStore::make(const HotKey& key) {
  if (HotFilePtr left = find_left(key)) return left;
  return scratch_.with(key.size_bytes(), [&](std::span<std::byte> bytes) {
    Decoding decoding = decoding_of(key, bytes);
    decode(std::span(&decoding, 1));
    return finish(decoding);
  });
}

// Those of `keys` that have to be decoded, with the promise to do it.
std::vector<HotStore::Flight> HotStore::start_missing(std::span<const HotKey> keys) {
  std::vector<Flight> missing;
  missing.reserve(keys.size());
  for (const HotKey& key : keys) {
    if (has(key)) continue;
    std::optional<Flight> flight = flights_.try_start(key);
    if (!flight) continue;
    HotFilePtr file = find(key);  // landed meanwhile
    if (file == nullptr && (file = find_left(key)) != nullptr) keep(key, file);
    if (file != nullptr) {
      flight->land(file);
    } else {
      missing.push_back(*std::move(flight));
    }
  }
  return missing;
}

void HotStore::prefetch(std::span<const HotKey> keys) {
  std::vector<Flight> flights = start_missing(keys);
  std::uint64_t size_bytes = 0;
  for (const Flight& flight : flights) size_bytes += flight.key().size_bytes();
  if (flights.empty()) return;
  group_scratch_.with(size_bytes, [&](std::span<std::byte> scratch) {
    std::vector<Decoding> files;
    for (const Flight& flight : flights) {
      files.push_back(decoding_of(flight.key(), scratch));
      scratch = scratch.subspan(flight.key().size_bytes());
    }
    decode(files);
    for (std::size_t i = 0; i < flights.size(); ++i) {
      try {
        const HotFilePtr file = finish(files[i]);
        keep(files[i].key, file);
        read_ahead_bytes_.fetch_add(files[i].bytes.size(), std::memory_order_relaxed);
        flights[i].land(file);
      } catch (...) {
        flights[i].fail(std::current_exception());
      }
    }
  });
}

HotStore::Decoding HotStore::decoding_of(const HotKey& key, std::span<std::byte> room) const {
  Decoding decoding{key, room.first(key.size_bytes()), UniqueFd(), {}, std::nullopt};
  if (key.blob_count != 1) return decoding;
  if (std::optional<UniqueFd> blob = blobs_.open_raw(key.digests[0], key.blob_bytes)) decoding.blob = *std::move(blob);
  return decoding;
}

// Reads a blob's own file; false when there is something wrong with it.
bool HotStore::read_blob(Decoding& file) {
  try {
    file.stamp = FileStamp::of(file.blob.get());
    return read_at(file.blob.get(), 0, file.bytes);
  } catch (const Error&) {
    return false;
  }
}

// Reads the blobs' own files and hashes them side by side. Those that are not right, or are written to meanwhile, are
// let go: the store may have the blob in another form, and knows best what to say when it hasn't.
void HotStore::verify_blobs(std::span<Decoding> files) {
  std::vector<Decoding*> read;
  std::vector<std::span<const std::byte>> bytes;
  for (Decoding& file : files) {
    if (!file.blob) continue;
    if (!read_blob(file)) {
      file.blob.reset();
      continue;
    }
    read.push_back(&file);
    bytes.emplace_back(file.bytes);
  }
  std::vector<Digest> digests(bytes.size());
  sha256_many(bytes, digests);
  for (std::size_t i = 0; i < read.size(); ++i) {
    Decoding& file = *read[i];
    if (digests[i] == file.key.digests[0] && file.stamp == FileStamp::of(file.blob.get())) {
      verified_.add(digests[i], file.stamp);
    } else {
      file.blob.reset();
    }
  }
}

// All blobs of all files are hashed side by side.
void HotStore::decode(std::span<Decoding> files) {
  verify_blobs(files);
  std::vector<GetRequest> requests;
  for (const Decoding& file : files) {
    for (std::size_t i = 0; !file.blob && i < file.key.blob_count; ++i) {
      const std::span<std::byte> out = file.bytes.subspan(i * file.key.blob_bytes, file.key.blob_bytes);
      requests.push_back({file.key.digests.at(i), out, std::nullopt});
    }
  }
  blobs_.get_many(requests);
  auto request = requests.begin();
  for (Decoding& file : files) {
    for (std::size_t i = 0; !file.blob && i < file.key.blob_count; ++i, ++request) {
      if (request->failure && !file.failure) file.failure = request->failure;
    }
    count(file);
  }
}

void HotStore::count(const Decoding& decoded) noexcept {
  if (!decoded.failure) {
    decoded_bytes_.fetch_add(decoded.bytes.size(), std::memory_order_relaxed);
  } else if (decoded.failure->code() == Errc::damaged) {
    verify_failures_.fetch_add(1, std::memory_order_relaxed);
  }
}

HotFilePtr HotStore::finish(Decoding& decoded) {
  if (decoded.failure) throw Error(*decoded.failure);
  if (decoded.blob) return std::make_shared<const HotFile>(std::move(decoded.blob), decoded.stamp);
  return store(decoded.key, decoded.bytes);
}

// A backing that is full or was taken away is no reason not to serve what has been decoded.
HotFilePtr HotStore::store(const HotKey& key, std::span<const std::byte> bytes) {
  try {
    return std::make_shared<const HotFile>(backing_.make(key, bytes), bytes.size(), backing_.is_sealed());
  } catch (const Error& error) {
    {
      const std::lock_guard lock(mutex_);
      if (!std::exchange(has_told_of_backing_, true)) {
        log_.tell(fmt::format("hot pages stay in memory when {} fails: {}", backing_.name(), error.what()));
      }
    }
    return std::make_shared<const HotFile>(memory_->make(key, bytes), bytes.size());
  }
}

void HotStore::keep(const HotKey& key, HotFilePtr file) {
  Entries dropped;  // let go after the lock, as what is replaced
  HotFilePtr replaced;
  {
    const std::lock_guard lock(mutex_);
    const auto [place, is_new] = index_.try_emplace(key);
    if (is_new) {
      entries_.push_front({key, nullptr, 0});
      place->second = entries_.begin();
    }
    Entry& entry = *place->second;
    held_bytes_ -= entry.cost_bytes;
    entry.cost_bytes = file != nullptr && file->is_blob() ? 0 : cost_bytes(key);
    held_bytes_ += entry.cost_bytes;
    replaced = std::exchange(entry.file, std::move(file));
    drop(dropped);
  }
  for (const Entry& entry : dropped) backing_.remove(entry.key);
}

// Moves what is too much to `dropped`. An entry that is too large by itself goes alone, and doesn't take the others
// along. REQUIRES: mutex_ is held.
void HotStore::drop(Entries& dropped) {
  const auto move_out = [&](Entries::iterator entry) {
    held_bytes_ -= entry->cost_bytes;
    index_.erase(entry->key);
    dropped.splice(dropped.end(), entries_, entry);
    ++evictions_;
  };
  if (entries_.front().cost_bytes > limits_.bytes) move_out(entries_.begin());
  while (held_bytes_ > limits_.bytes || entries_.size() > limits_.files) move_out(std::prev(entries_.end()));
}

}  // namespace pfcache::fuse
