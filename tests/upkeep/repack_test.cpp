#include "pfcache/repack.hpp"

#include <doctest/doctest.h>
#include <sys/file.h>

#include <algorithm>
#include <map>

#include "pfcache/inspect.hpp"
#include "support/failure.hpp"
#include "upkeep/upkeep_support.hpp"

namespace pfcache::test {
namespace {

namespace fs = std::filesystem;

constexpr CacheMeta kWide{16, 4, 2, 64, DType::bf16};  // 16 KiB of K
constexpr CacheMeta kWideF32{16, 4, 2, 64, DType::f32};

std::map<Encoding, std::size_t> count_encodings(const Store& store) {
  std::map<Encoding, std::size_t> counts;
  store.blobs().for_each([&](const Digest&, const BlobInfo& info) { ++counts[info.encoding]; });
  return counts;
}

void require_whole(const Store& store) {
  const VerifyReport report = verify_snapshots(store, store.catalog().snapshots());
  REQUIRE_MESSAGE(report.damage.empty(), report.damage.front());
}

RepackReport repack(Store& store, EncodingPolicy policy) { return repack_store(store, {policy, 2, {}}); }

/// The digest of K of the first page of the only snapshot.
Digest first_page(const Store& store) { return store.manifest(store.catalog().snapshots().front()).pages.front().k; }

std::vector<fs::path> files_of(const fs::path& root, const Digest& digest) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(blob_path(root, digest, "").parent_path())) {
    if (entry.path().filename().native().starts_with(digest.hex())) files.push_back(entry.path());
  }
  std::ranges::sort(files);
  return files;
}

}  // namespace

TEST_CASE("a store goes from any encoding to any other and back, and stays whole") {
  StoreDir at;
  capture_sealed(at.store, 1, kWide);
  capture_sealed(at.store, 2, kWideF32);
  const auto original = count_encodings(at.store);
  CHECK(original.at(Encoding::planes2) == 6);
  CHECK(original.at(Encoding::planes4) == 6);
  const std::uint64_t original_bytes = at.store.blobs().physical_bytes();
  for (const EncodingPolicy policy : {EncodingPolicy::raw, EncodingPolicy::zstd_19, EncodingPolicy::automatic,
                                      EncodingPolicy::zstd_19, EncodingPolicy::raw, EncodingPolicy::automatic}) {
    const std::uint64_t before = at.store.blobs().physical_bytes();
    const RepackReport report = repack(at.store, policy);
    require_whole(at.store);
    CHECK(report.blobs == 14);
    CHECK(report.damage.empty());
    CHECK(report.bytes_before == before);
    CHECK(report.bytes_after == at.store.blobs().physical_bytes());
    CHECK(report.converted == report.files_removed);
    const auto counts = count_encodings(at.store);
    if (policy == EncodingPolicy::raw) CHECK(counts == std::map<Encoding, std::size_t>{{Encoding::raw, 14}});
    if (policy == EncodingPolicy::zstd_19) CHECK(counts == std::map<Encoding, std::size_t>{{Encoding::zstd, 14}});
    if (policy == EncodingPolicy::automatic) CHECK(counts == original);  // the widths came from the manifests
    CHECK(repack(at.store, policy).converted == 0);
    CHECK(count_temp_files(at.path) == 0);
  }
  CHECK(at.store.blobs().physical_bytes() == original_bytes);
}

TEST_CASE("without an encoding a store gets what its profile writes, and pf-core's profile nothing else") {
  StoreDir at(Profile::pf_core);
  capture_sealed(at.store, 1, kWide);
  CHECK(repack_store(at.store).converted == 0);
  CHECK(failure_of([&] { repack(at.store, EncodingPolicy::raw); }).code == Errc::invalid_argument);
  CHECK(failure_of([&] { repack(at.store, EncodingPolicy::automatic); }).code == Errc::invalid_argument);
  StoreDir ours;
  capture_sealed(ours.store, 1, kWide);
  repack(ours.store, EncodingPolicy::raw);
  CHECK(repack_store(ours.store).converted > 0);
  CHECK(count_encodings(ours.store).at(Encoding::planes2) == 6);
}

TEST_CASE("a damaged blob is told and left, and all others are converted") {
  StoreDir at;
  capture_sealed(at.store, 1, kWide);
  const Digest victim = first_page(at.store);
  const fs::path file = only_file_of(at.path, victim);
  damage_file(file);
  const Bytes damaged = read_bytes(file);
  const RepackReport report = repack(at.store, EncodingPolicy::raw);
  REQUIRE(report.damage.size() == 1);
  CHECK(report.damage.front().find(victim.hex()) != std::string::npos);
  CHECK(report.converted == report.blobs - 1);
  CHECK(only_file_of(at.path, victim) == file);
  CHECK(read_bytes(file) == damaged);
}

TEST_CASE("a manifest that can't be read is told, and pages stay planes though nobody says how wide they are") {
  StoreDir at;
  const CaptureResult snapshot = capture_sealed(at.store, 1, kWide);
  damage_file(only_file_of(at.path, snapshot.digest));
  const RepackReport report = repack(at.store, EncodingPolicy::automatic);
  CHECK(report.damage.size() == 2);  // of the snapshot, and of the blob
  CHECK(count_encodings(at.store).at(Encoding::planes2) == 6);
}

TEST_CASE("of two encodings one stays: an intact one, the wanted one if it can be") {
  for (const bool damage_wanted : {false, true}) {
    for (const bool damage_other : {false, true}) {
      CAPTURE(damage_wanted);
      CAPTURE(damage_other);
      StoreDir at;
      capture_sealed(at.store, 1, kWide);
      const Digest digest = first_page(at.store);
      const Bytes blob = at.store.blobs().get(digest);
      write_bytes(blob_path(at.path, digest, ".raw"), blob);
      if (damage_wanted) damage_file(blob_path(at.path, digest, ".raw"));
      if (damage_other) damage_file(blob_path(at.path, digest, ".zp2"));
      const RepackReport report = repack(at.store, EncodingPolicy::raw);
      if (damage_wanted && damage_other) {
        CHECK(report.damage.size() == 1);
        CHECK(files_of(at.path, digest).size() == 2);
        continue;
      }
      CHECK(report.damage.empty());
      CHECK(only_file_of(at.path, digest) == blob_path(at.path, digest, ".raw"));
      CHECK(at.store.blobs().get(digest) == blob);
      CHECK(report.bytes_after == at.store.blobs().physical_bytes());
    }
  }
}

TEST_CASE("a second repack is told that the first one runs") {
  StoreDir at;
  capture_sealed(at.store, 1);
  const Directory blobs = Directory::open(at.path / "blobs");
  REQUIRE(::flock(blobs.fd(), LOCK_EX) == 0);
  CHECK(failure_of([&] { repack(at.store, EncodingPolicy::raw); }).code == Errc::busy);
}

TEST_CASE("a request to stop ends a repack, which goes on when it is started again") {
  StoreDir at;
  capture_sealed(at.store, 1, kWide);
  std::stop_source source;
  source.request_stop();
  CHECK(failure_of([&] {
          repack_store(at.store, {EncodingPolicy::raw, 1, source.get_token()});
        }).code == Errc::interrupted);
  require_whole(at.store);
  CHECK(count_temp_files(at.path) == 0);
  CHECK(repack(at.store, EncodingPolicy::raw).converted == 7);
}

TEST_CASE("an empty store, and one without a single blob directory, have nothing to repack") {
  StoreDir at;
  CHECK(repack_store(at.store).blobs == 0);
}

}  // namespace pfcache::test
