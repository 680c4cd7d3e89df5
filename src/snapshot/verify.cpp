// Verifying snapshots: every blob they need is read once and checked.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <mutex>

#include "base/parallel.hpp"
#include "base/phase_counter.hpp"
#include "pfcache/error.hpp"
#include "pfcache/inspect.hpp"
#include "snapshot/blob_groups.hpp"
#include "snapshot/manifest_blob.hpp"

namespace pfcache {
namespace {

/// What the snapshots expect of one blob.
struct Need {
  std::uint64_t size_bytes = 0;
  Digest snapshot;  // one that needs it
};

class Verification {
 public:
  Verification(const Store& store, const VerifyOptions& options) : store_(store), options_(options) {}

  VerifyReport run(std::vector<Digest> snapshots) {
    std::sort(snapshots.begin(), snapshots.end());
    snapshots.erase(std::unique(snapshots.begin(), snapshots.end()), snapshots.end());
    PhaseCounter manifests(options_.on_progress, {"manifests", "snapshot", 0, snapshots.size()});
    for (const Digest& snapshot : snapshots) {
      throw_if_stopped(options_.stop);
      read_snapshot(snapshot);
      manifests.add(1);
    }
    read_blobs();
    std::sort(report_.damage.begin(), report_.damage.end());
    return std::move(report_);
  }

 private:
  void read_snapshot(const Digest& snapshot) {
    ++report_.snapshots;
    try {
      const std::string json = store_.manifest_bytes(snapshot);
      count_blob(json.size());
      note_needs(snapshot, parse_manifest(json, snapshot));
    } catch (const Error& error) {
      report_.damage.push_back(fmt::format("manifest of snapshot {}: {}", snapshot.hex(), error.what()));
    }
  }

  void note_needs(const Digest& snapshot, const PageManifest& manifest) {
    const std::uint64_t page_bytes = manifest.meta.page_bytes();
    // Pages that a later one of the same ix hides are never read, so nothing is asked of them.
    for (const PageEntry& page : manifest.effective_pages()) {
      note_need(page.k, {page_bytes, snapshot});
      note_need(page.v, {page_bytes, snapshot});
    }
    for (const std::string& problem : manifest.problems()) {
      report_.problems.push_back(fmt::format("snapshot {}: {}", snapshot.hex(), problem));
    }
  }

  void note_need(const Digest& blob, const Need& need) {
    const auto [at, is_new] = needs_.emplace(blob, need);
    if (is_new || at->second.size_bytes == need.size_bytes) return;
    report_.damage.push_back(fmt::format("blob {}: snapshot {} needs {} bytes, snapshot {} needs {}", blob.hex(),
                                         at->second.snapshot.hex(), at->second.size_bytes, need.snapshot.hex(),
                                         need.size_bytes));
  }

  void read_blobs() {
    // By size, so that what is read together is alike; within a size the order is that of the digests.
    std::map<std::uint64_t, std::vector<Digest>> by_size;
    std::uint64_t total_bytes = 0;
    for (const auto& [blob, need] : needs_) {
      by_size[need.size_bytes].push_back(blob);
      total_bytes += need.size_bytes;
    }
    PhaseCounter read(options_.on_progress, {.phase = "read", .total = total_bytes});
    for (const auto& [size_bytes, blobs] : by_size) {
      parallel_groups(blobs.size(), size_bytes, options_.threads, options_.stop,
                      [&, size = size_bytes, all = std::span(blobs)](std::size_t first, std::size_t count) {
                        read_group(all.subspan(first, count), size);
                        read.add(count * size);
                      });
    }
  }

  void read_group(std::span<const Digest> blobs, std::uint64_t size_bytes) {
    std::vector<std::byte> bytes(size_bytes * blobs.size());
    std::vector<GetRequest> requests;
    for (std::size_t i = 0; i < blobs.size(); ++i) {
      requests.push_back({blobs[i], std::span(bytes).subspan(i * size_bytes, size_bytes), {}});
    }
    store_.blobs().get_many(requests);
    const std::scoped_lock lock(mutex_);
    for (const GetRequest& request : requests) note_outcome(request);
  }

  void note_outcome(const GetRequest& request) {
    count_blob(request.failure ? 0 : request.out.size());
    if (!request.failure) return;
    report_.damage.push_back(fmt::format("blob {}, needed by snapshot {}: {}", request.digest.hex(),
                                         needs_.at(request.digest).snapshot.hex(), request.failure->what()));
  }

  void count_blob(std::uint64_t size_bytes) {
    ++report_.blobs;
    report_.bytes += size_bytes;
  }

  const Store& store_;
  const VerifyOptions& options_;
  std::map<Digest, Need> needs_;
  std::mutex mutex_;
  VerifyReport report_;  // guarded by mutex_ while blobs are read
};

}  // namespace

VerifyReport verify_snapshots(const Store& store, const std::vector<Digest>& snapshots, const VerifyOptions& options) {
  return Verification(store, options).run(snapshots);
}

}  // namespace pfcache
