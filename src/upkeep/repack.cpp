#include "pfcache/repack.hpp"

#include <fmt/format.h>
#include <sys/file.h>

#include <algorithm>
#include <cerrno>

#include "base/directory.hpp"
#include "base/parallel.hpp"
#include "base/phase_counter.hpp"
#include "cas/blob_repack.hpp"
#include "cas/digest_set.hpp"
#include "pfcache/error.hpp"

namespace pfcache {
namespace {

EncodingPolicy choose_policy(const Store& store, const RepackOptions& options) {
  const EncodingPolicy policy = options.encoding.value_or(store.encoding());
  if (store.profile() != Profile::pf_core || policy == EncodingPolicy::zstd_19) return policy;
  throw Error(Errc::invalid_argument,
              fmt::format("'{}' has profile pf-core: pf-core could not read its blobs in another encoding than zst19",
                          store.path().native()));
}

/// Keeps a second repack out for as long as it lives. Nobody else locks this directory.
class RepackLock {
 public:
  explicit RepackLock(const Directory& blobs) : blobs_(blobs.duplicate()) {
    while (::flock(blobs_.fd(), LOCK_EX | LOCK_NB) != 0) {
      if (errno == EWOULDBLOCK) throw Error(Errc::busy, fmt::format("another repack of '{}' runs", blobs.path()));
      if (errno != EINTR) throw Error::from_last_errno(fmt::format("cannot lock '{}'", blobs.path()));
    }
  }

 private:
  Directory blobs_;
};

/// How wide the numbers are that blobs are made of, as the manifests of the sealed snapshots have it.
class ElementWidths {
 public:
  void add(const PageManifest& manifest) {
    DigestSet& set = set_of(size_bytes_of(manifest.meta.dtype));
    for (const PageEntry& page : manifest.pages) {
      set.insert(page.k);
      set.insert(page.v);
    }
  }

  void finish() {
    for (DigestSet* set : {&one_, &two_, &four_}) set->finish();
  }

  /// A blob that snapshots take for numbers of several widths is as well off with any of them.
  [[nodiscard]] std::optional<std::uint32_t> of(const Digest& digest) const noexcept {
    if (two_.contains(digest)) return 2;
    if (four_.contains(digest)) return 4;
    if (one_.contains(digest)) return 1;
    return std::nullopt;
  }

 private:
  [[nodiscard]] DigestSet& set_of(std::uint32_t width) noexcept {
    return width == 2 ? two_ : width == 4 ? four_ : one_;
  }

  DigestSet one_;
  DigestSet two_;
  DigestSet four_;
};

ElementWidths read_widths(const Store& store, const RepackOptions& options, std::vector<std::string>& damage) {
  ElementWidths widths;
  const std::vector<Digest> snapshots = store.catalog().snapshots();
  PhaseCounter read(options.on_progress, {"manifests", "snapshot", 0, snapshots.size()});
  for (const Digest& snapshot : snapshots) {
    throw_if_stopped(options.stop);
    read.add(1);
    try {
      widths.add(store.manifest(snapshot));
    } catch (const Error& error) {
      if (!store.catalog().contains(snapshot)) continue;  // removed since it was listed
      damage.push_back(fmt::format("manifest of snapshot {}: {}", snapshot.hex(), error.what()));
    }
  }
  widths.finish();
  return widths;
}

}  // namespace

RepackReport repack_store(Store& store, const RepackOptions& options) {
  BlobRepackOptions run;
  run.policy = choose_policy(store, options);
  run.threads = options.threads;
  run.stop = options.stop;
  run.on_progress = options.on_progress;
  throw_if_stopped(options.stop);

  const WriterLease lease = store.lease();
  const auto blobs = store.directory().find_directory("blobs");
  if (!blobs) return {};
  const RepackLock lock(*blobs);
  RepackReport report;
  const ElementWidths widths = read_widths(store, options, report.damage);
  run.element_bytes = [&widths](const Digest& digest) { return widths.of(digest); };
  BlobDirectories directories(store.directory());
  BlobRepackReport done = BlobRepack(directories, std::move(run)).run();
  report.blobs = done.blobs;
  report.converted = done.converted;
  report.files_removed = done.files_removed;
  report.bytes_before = done.bytes_before;
  report.bytes_after = done.bytes_after;
  std::ranges::move(done.damage, std::back_inserter(report.damage));
  return report;
}

}  // namespace pfcache
