#include "pfcache/inspect.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "base/bytes.hpp"
#include "pfcache/capture.hpp"
#include "pfcache/sha256.hpp"
#include "snapshot/snapshot_support.hpp"
#include "support/temp_dir.hpp"

namespace pfcache::test {
namespace {

namespace fs = std::filesystem;

struct Fixture {
  TempDir dir;
  Store store = Store::init(dir.path() / "store");

  Digest capture(std::uint32_t pages, std::uint64_t seed) {
    SyntheticCachePager pager(kSmall);
    pager.populate_synthetic(pages, seed);
    const Digest digest = capture_cache(pager, store.blobs()).digest;
    store.catalog().seal(digest, {});
    return digest;
  }

  Digest put_manifest(const PageManifest& manifest) {
    const Digest digest = store.blobs().put(as_bytes(manifest.to_json())).digest;
    store.catalog().seal(digest, {});
    return digest;
  }

  [[nodiscard]] fs::path blob_file(const Digest& digest) const {
    for (const auto& entry : fs::recursive_directory_iterator(dir.path() / "store" / "blobs")) {
      if (entry.path().filename().native().starts_with(digest.hex())) return entry.path();
    }
    FAIL("no such blob");
    return {};
  }
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "whole snapshots verify, every distinct blob once") {
  const Digest a = capture(8, 99);
  const Digest b = capture(4, 99);  // its pages are the first four of a's
  const VerifyReport report = verify_snapshots(store, {a, b, a});
  CHECK(report.damage.empty());
  CHECK(report.problems.empty());
  CHECK(report.snapshots == 2);
  CHECK(report.blobs == 16 + 2);
  CHECK(report.bytes == 16 * 128 + store.manifest_bytes(a).size() + store.manifest_bytes(b).size());
}

TEST_CASE_FIXTURE(Fixture, "damage names the blob, the reason and a snapshot that needs it") {
  const Digest a = capture(8, 99);
  const PageManifest manifest = store.manifest(a);
  write_text(blob_file(manifest.pages[2].k), "nonsense");
  fs::remove(blob_file(manifest.pages[5].v));
  const VerifyReport report = verify_snapshots(store, {a});
  REQUIRE(report.damage.size() == 2);
  const auto mentions = [&](const Digest& blob, std::string_view reason) {
    return std::any_of(report.damage.begin(), report.damage.end(), [&](const std::string& line) {
      return line.find(blob.hex()) != std::string::npos && line.find(reason) != std::string::npos &&
             line.find(a.hex()) != std::string::npos;
    });
  };
  CHECK(mentions(manifest.pages[2].k, "damaged"));
  CHECK(mentions(manifest.pages[5].v, "not found"));
  CHECK(report.problems.empty());
}

TEST_CASE_FIXTURE(Fixture,
                  "a manifest that is missing, damaged or malformed is damage, and the others are still checked") {
  const Digest a = capture(2, 1);
  const Digest b = capture(2, 2);
  const Digest none = store.blobs().put(as_bytes("no manifest")).digest;
  write_text(blob_file(a), "nonsense");
  const VerifyReport report = verify_snapshots(store, {a, b, none, Digest()});
  CHECK(report.snapshots == 4);
  CHECK(report.damage.size() == 3);
  for (const std::string& line : report.damage) CHECK(line.find(b.hex()) == std::string::npos);
}

TEST_CASE_FIXTURE(Fixture, "a page of another size than the geometry says is damage") {
  PageManifest manifest = store.manifest(capture(2, 1));
  manifest.meta.page_size_tokens = 8;
  const Digest stretched = put_manifest(manifest);
  CHECK(verify_snapshots(store, {stretched}).damage.size() == 4);
  // Beside the honest snapshot one of the two must be wrong about each of the four blobs.
  CHECK(verify_snapshots(store, store.catalog().snapshots()).damage.size() >= 4);
}

TEST_CASE_FIXTURE(Fixture, "oddities of a manifest are problems, not damage") {
  PageManifest manifest = store.manifest(capture(2, 1));
  manifest.logical_seqs[0].page_ixs.push_back(PageIndex{9});
  const Digest odd = put_manifest(manifest);
  const VerifyReport report = verify_snapshots(store, {odd});
  CHECK(report.damage.empty());
  REQUIRE(report.problems.size() == 1);
  CHECK(report.problems[0].find(odd.hex()) != std::string::npos);
  CHECK(report.problems[0].find("page 9") != std::string::npos);
}

TEST_CASE_FIXTURE(Fixture, "a stop request ends a verification") {
  const Digest a = capture(2, 1);
  std::stop_source source;
  source.request_stop();
  VerifyOptions options;
  options.stop = source.get_token();
  CHECK(failure_of([&] { std::ignore = verify_snapshots(store, {a}, options); }).code == Errc::interrupted);
}

TEST_CASE_FIXTURE(Fixture, "a diff counts distinct pages by content") {
  const PageManifest a = store.manifest(capture(8, 99));
  PageManifest b = store.manifest(capture(6, 99));
  for (PageEntry& page : b.pages) page.ix.value += 100;  // ix doesn't matter
  b.pages[0].k = b.pages[1].k;                           // now a page of its own
  b.pages.push_back({PageIndex{500}, b.pages[1].k, b.pages[1].v});
  const SnapshotDiff diff = diff_manifests(a, b);
  CHECK(diff.shared.pages == 5);
  CHECK(diff.shared.bytes == 5 * 256);
  CHECK(diff.only_a.pages == 3);
  CHECK(diff.only_b.pages == 1);
  CHECK(diff.only_b.bytes == 256);
  CHECK(diff.geometry.empty());
}

TEST_CASE("a diff names each field of the geometry that differs") {
  PageManifest a;
  a.meta = kSmall;
  PageManifest b;
  b.meta = {4, 3, 2, 5, DType::f16};
  CHECK(diff_manifests(a, b).geometry ==
        std::vector<std::string>{"n_layers: 2, 3", "head_dim: 4, 5", "dtype: bf16, f16"});
}

TEST_CASE_FIXTURE(Fixture, "statistics count snapshots, pages and what deduplication saved") {
  const Digest a = capture(8, 99);
  capture(4, 99);
  store.catalog().set_ref("x", a);
  store.blobs().put(as_bytes("nobody needs me"));
  const StoreStats stats = collect_stats(store);
  CHECK(stats.snapshots == 2);
  CHECK(stats.refs == 1);
  CHECK(stats.pages == 12);
  CHECK(stats.logical_bytes == 12 * 256);
  CHECK(stats.unique_bytes == 16 * 128);
  CHECK(stats.blobs == 16 + 2 + 1);
  CHECK(stats.raw_blobs + stats.zstd_blobs == stats.blobs);
  CHECK(stats.stored_bytes == store.blobs().physical_bytes());
  std::uint64_t other_bytes = fs::file_size(blob_file(sha256(as_bytes("nobody needs me"))));
  for (const Digest& manifest : store.catalog().snapshots()) other_bytes += fs::file_size(blob_file(manifest));
  CHECK(stats.stored_page_bytes == stats.stored_bytes - other_bytes);
  CHECK(stats.unreadable.empty());
}

TEST_CASE_FIXTURE(Fixture, "statistics name the snapshots whose manifest can't be read") {
  const Digest a = capture(2, 1);
  capture(2, 2);
  fs::remove(blob_file(a));
  const StoreStats stats = collect_stats(store);
  CHECK(stats.snapshots == 2);
  CHECK(stats.pages == 2);
  REQUIRE(stats.unreadable.size() == 1);
  CHECK(stats.unreadable[0].starts_with(a.hex()));
}

}  // namespace pfcache::test
