#include "snapshot/verification.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <utility>

#include "base/bytes.hpp"
#include "base/parallel.hpp"
#include "base/phase_counter.hpp"
#include "cas/blob_copies.hpp"
#include "pfcache/error.hpp"
#include "snapshot/blob_groups.hpp"
#include "snapshot/manifest_blob.hpp"

namespace pfcache {
namespace {

std::string manifest_text(const Digest& snapshot, const Error& error) {
  return fmt::format("manifest of snapshot {}: {}", snapshot.hex(), error.what());
}

std::uint64_t bytes_of(const auto& blobs) {
  std::uint64_t bytes = 0;
  for (const auto& blob : blobs) bytes += blob.size_bytes;
  return bytes;
}

}  // namespace

void Verification::read_snapshots(std::vector<Digest> snapshots) {
  std::sort(snapshots.begin(), snapshots.end());
  snapshots.erase(std::unique(snapshots.begin(), snapshots.end()), snapshots.end());
  PhaseCounter manifests(options_.on_progress, {"manifests", "snapshot", 0, snapshots.size()});
  for (const Digest& snapshot : snapshots) {
    throw_if_stopped(options_.stop);
    read_snapshot(snapshot);
    manifests.add(1);
  }
  read_needs();
}

void Verification::read_snapshot(const Digest& snapshot) {
  ++report_.snapshots;
  const auto json = read_manifest(snapshot);
  if (!json) return;
  count_blob(json->size());
  std::vector<Wound> wounds;
  look_at_copies({snapshot}, as_bytes(*json), "snapshot " + snapshot.hex(), wounds);
  treat(wounds);
  try {
    note_needs(snapshot, parse_manifest(*json, snapshot));
  } catch (const Error& error) {
    report_.damage.push_back(manifest_text(snapshot, error));
  }
}

std::optional<std::string> Verification::read_manifest(const Digest& snapshot) {
  std::vector<Wound> wounds;
  try {
    return store_.manifest_bytes(snapshot);
  } catch (const Error& error) {
    wounds.push_back({{snapshot}, manifest_text(snapshot, error)});
  }
  if (!treat(wounds)) return std::nullopt;
  return store_.manifest_bytes(snapshot);
}

void Verification::note_needs(const Digest& snapshot, const PageManifest& manifest) {
  const Need need{manifest.meta.page_bytes(), size_bytes_of(manifest.meta.dtype),
                  add_user("snapshot " + snapshot.hex())};
  // Pages that a later one of the same ix hides are never read, so nothing is asked of them.
  for (const PageEntry& page : manifest.effective_pages()) {
    note_need(page.k, need);
    note_need(page.v, need);
  }
  for (const std::string& problem : manifest.problems()) {
    report_.problems.push_back(fmt::format("snapshot {}: {}", snapshot.hex(), problem));
  }
}

std::uint32_t Verification::add_user(std::string text) {
  users_.push_back(std::move(text));
  return static_cast<std::uint32_t>(users_.size() - 1);
}

void Verification::note_need(const Digest& blob, const Need& need) {
  if (need.size_bytes > kMaxBlobBytes) {
    report_.damage.push_back(fmt::format("blob {}: {} needs {} bytes, at most {} are kept", blob.hex(),
                                         users_[need.user], need.size_bytes, kMaxBlobBytes));
    return;
  }
  const auto [at, is_new] = needs_.emplace(blob, need);
  if (is_new || at->second.size_bytes == need.size_bytes) return;
  report_.damage.push_back(fmt::format("blob {}: {} needs {} bytes, {} needs {}", blob.hex(), users_[at->second.user],
                                       at->second.size_bytes, users_[need.user], need.size_bytes));
}

void Verification::read_needs() {
  std::vector<Wanted> blobs;
  std::uint64_t total_bytes = 0;
  for (const auto& [blob, need] : needs_) {
    blobs.push_back({blob, need.size_bytes});
    total_bytes += need.size_bytes;
  }
  // By size, so that what is read together is alike; within a size the order is that of the digests.
  std::ranges::stable_sort(blobs, std::greater(), &Wanted::size_bytes);
  PhaseCounter read(options_.on_progress, {.phase = "read", .total = total_bytes});
  const auto groups = groups_of(blobs);
  parallel_for(groups.size(), options_.threads, options_.stop, [&](std::size_t group) {
    read_group(groups[group]);
    read.add(bytes_of(groups[group]));
  });
}

std::vector<std::span<const Verification::Wanted>> Verification::groups_of(std::span<const Wanted> blobs) const {
  std::vector<std::span<const Wanted>> groups;
  const std::size_t all = blobs.size();
  while (!blobs.empty()) {
    // The first is the largest.
    const std::size_t count = std::min(blobs.size(), blobs_in_group(all, blobs[0].size_bytes, options_.threads));
    groups.push_back(blobs.first(count));
    blobs = blobs.subspan(count);
  }
  return groups;
}

void Verification::read_group(std::span<const Wanted> blobs) {
  std::vector<std::byte> bytes(bytes_of(blobs));
  std::span<std::byte> rest(bytes);
  std::vector<GetRequest> requests;
  for (const Wanted& wanted : blobs) {
    requests.push_back({wanted.blob, rest.first(wanted.size_bytes), {}});
    rest = rest.subspan(wanted.size_bytes);
  }
  store_.blobs().get_many(requests);
  std::vector<Wound> wounds;
  for (const GetRequest& request : requests) {
    const Need& need = needs_.at(request.digest);
    const BlobMender::Blob blob{request.digest, need.size_bytes, {need.element_bytes}};
    const std::string& who = users_[need.user];
    if (request.failure) {
      wounds.push_back(
          {blob, fmt::format("blob {}, needed by {}: {}", blob.digest.hex(), who, request.failure->what())});
    } else {
      look_at_copies(blob, request.out, who, wounds);
    }
    count_blob(request.failure ? 0 : need.size_bytes);
  }
  treat(wounds);
}

void Verification::read_blob(const Digest& digest, std::uint64_t size_bytes, std::string_view who) {
  const BlobMender::Blob blob{digest, size_bytes};
  std::vector<Wound> wounds;
  try {
    if (size_bytes > kMaxBlobBytes) {
      throw Error(Errc::damaged, fmt::format("expected at most {} bytes, {} are asked for", kMaxBlobBytes, size_bytes));
    }
    std::vector<std::byte> bytes(size_bytes);
    store_.blobs().get_into(digest, bytes);
    count_blob(size_bytes);
    look_at_copies(blob, bytes, who, wounds);
  } catch (const Error& error) {
    if (!is_damage(error.code())) throw;
    wounds.push_back({blob, fmt::format("blob {}, needed by {}: {}", digest.hex(), who, error.what())});
  }
  treat(wounds);
}

void Verification::look_at_copies(const BlobMender::Blob& blob, std::span<const std::byte> bytes, std::string_view who,
                                  std::vector<Wound>& wounds) {
  if (depth_ == Depth::readable) return;
  for (const std::string& path : damaged_copies(directories_, blob.digest, bytes)) {
    wounds.push_back(
        {blob, fmt::format("blob {}, needed by {}: the file '{}' is damaged, one in another encoding is whole",
                           blob.digest.hex(), who, path)});
  }
}

bool Verification::treat(const std::vector<Wound>& wounds) {
  if (wounds.empty()) return true;
  std::vector<std::optional<std::string>> from(wounds.size());
  if (mender_ != nullptr) {
    std::vector<BlobMender::Blob> blobs;
    for (const Wound& wound : wounds) blobs.push_back(wound.blob);
    from = mender_->mend(blobs);
  }
  const std::scoped_lock lock(mutex_);
  for (std::size_t i = 0; i < wounds.size(); ++i) {
    if (from[i]) {
      report_.mended.push_back(fmt::format("{}; mended from {}", wounds[i].what, *from[i]));
    } else {
      report_.damage.push_back(wounds[i].what);
    }
  }
  return std::all_of(from.begin(), from.end(), [](const auto& where) { return where.has_value(); });
}

void Verification::count_blob(std::uint64_t size_bytes) {
  const std::scoped_lock lock(mutex_);
  ++report_.blobs;
  report_.bytes += size_bytes;
}

VerifyReport Verification::take_report() {
  for (auto* lines : {&report_.damage, &report_.mended}) std::sort(lines->begin(), lines->end());
  return std::move(report_);
}

VerifyReport verify_snapshots(const Store& store, const std::vector<Digest>& snapshots, const VerifyOptions& options) {
  Verification verification(store, options, Verification::Depth::readable, nullptr);
  verification.read_snapshots(snapshots);
  return verification.take_report();
}

}  // namespace pfcache
