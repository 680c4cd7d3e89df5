#include "fuse/hot_store.hpp"

#include <fmt/format.h>

#include <exception>
#include <utility>

#include "pfcache/error.hpp"

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

HotFilePtr HotStore::find(const HotKey& key) {
  const std::lock_guard lock(mutex_);
  const auto found = index_.find(key);
  if (found == index_.end()) return nullptr;
  entries_.splice(entries_.begin(), entries_, found->second);
  return found->second->file;
}

// What an earlier process left.
HotFilePtr HotStore::find_left(const HotKey& key) {
  std::optional<UniqueFd> left = backing_.find(key);
  return left ? std::make_shared<HotFile>(*std::move(left), key.size_bytes()) : nullptr;
}

HotFilePtr HotStore::make(const HotKey& key) {
  if (HotFilePtr left = find_left(key)) return left;
  return scratch_.with(key.size_bytes(), [&](std::span<std::byte> bytes) {
    Decoding decoding{key, bytes, std::nullopt};
    decode(std::span(&decoding, 1));
    if (decoding.failure) throw Error(*decoding.failure);
    return std::make_shared<const HotFile>(store(key, bytes), key.size_bytes());
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
      files.push_back({flight.key(), scratch.first(flight.key().size_bytes()), std::nullopt});
      scratch = scratch.subspan(flight.key().size_bytes());
    }
    decode(files);
    for (std::size_t i = 0; i < flights.size(); ++i) {
      try {
        if (files[i].failure) throw Error(*files[i].failure);
        const auto file = std::make_shared<const HotFile>(store(files[i].key, files[i].bytes), files[i].bytes.size());
        keep(files[i].key, file);
        flights[i].land(file);
      } catch (...) {
        flights[i].fail(std::current_exception());
      }
    }
  });
}

// All blobs of all files are hashed side by side.
void HotStore::decode(std::span<Decoding> files) const {
  std::vector<GetRequest> requests;
  for (const Decoding& file : files) {
    for (std::size_t i = 0; i < file.key.blob_count; ++i) {
      const std::span<std::byte> out = file.bytes.subspan(i * file.key.blob_bytes, file.key.blob_bytes);
      requests.push_back({file.key.digests.at(i), out, std::nullopt});
    }
  }
  blobs_.get_many(requests);
  auto request = requests.begin();
  for (Decoding& file : files) {
    for (std::size_t i = 0; i < file.key.blob_count; ++i, ++request) {
      if (request->failure && !file.failure) file.failure = request->failure;
    }
  }
}

// A backing that is full or was taken away is no reason not to serve what has been decoded.
UniqueFd HotStore::store(const HotKey& key, std::span<const std::byte> bytes) {
  try {
    return backing_.make(key, bytes);
  } catch (const Error& error) {
    {
      const std::lock_guard lock(mutex_);
      if (!std::exchange(has_told_of_backing_, true)) {
        log_.tell(fmt::format("hot pages stay in memory when {} fails: {}", backing_.name(), error.what()));
      }
    }
    return memory_->make(key, bytes);
  }
}

void HotStore::keep(const HotKey& key, HotFilePtr file) {
  Entries dropped;  // let go after the lock
  {
    const std::lock_guard lock(mutex_);
    const auto [place, is_new] = index_.try_emplace(key);
    if (is_new) {
      entries_.push_front({key, nullptr});
      place->second = entries_.begin();
      held_bytes_ += cost_bytes(key);
    }
    place->second->file = std::move(file);
    drop(dropped);
  }
  for (const Entry& entry : dropped) backing_.remove(entry.key);
}

// Moves what is too much to `dropped`. An entry that is too large by itself goes alone, and doesn't take the others
// along. REQUIRES: mutex_ is held.
void HotStore::drop(Entries& dropped) {
  const auto move_out = [&](Entries::iterator entry) {
    held_bytes_ -= cost_bytes(entry->key);
    index_.erase(entry->key);
    dropped.splice(dropped.end(), entries_, entry);
  };
  if (cost_bytes(entries_.front().key) > limits_.bytes) move_out(entries_.begin());
  while (held_bytes_ > limits_.bytes || entries_.size() > limits_.files) move_out(std::prev(entries_.end()));
}

}  // namespace pfcache::fuse
