// What every BlobStore does, wherever it keeps its blobs.
#include <doctest/doctest.h>

#include <atomic>
#include <map>
#include <thread>

#include "cas/samples.hpp"
#include "pfcache/fs_blob_store.hpp"
#include "pfcache/mem_blob_store.hpp"
#include "pfcache/sha256.hpp"
#include "support/failure.hpp"
#include "support/temp_dir.hpp"

namespace pfcache::test {
namespace {

struct InMemory {
  MemBlobStore store;
};

template <EncodingPolicy kPolicy>
struct OnDisk {
  TempDir dir;
  FsBlobStore store{dir.path(), kPolicy};
};

using OnDiskAutomatic = OnDisk<EncodingPolicy::automatic>;
using OnDiskZstd19 = OnDisk<EncodingPolicy::zstd_19>;
using OnDiskRaw = OnDisk<EncodingPolicy::raw>;

// Blobs at and around the sizes where something changes.
std::vector<Bytes> sample_blobs() {
  std::vector<Bytes> blobs = {{}, bytes_of("x"), bytes_of("hello world"), Bytes(100'000)};
  for (const std::size_t size : {2U, 63U, 64U, 4095U, 4096U, 65'536U, 131'073U, 1'500'000U}) {
    blobs.push_back(compressible_bytes(size, size));
    blobs.push_back(random_bytes(size, size));
  }
  return blobs;
}

TEST_CASE_TEMPLATE("fs_round_trip_byte_identical: every blob comes back as it was put", Fixture, InMemory,
                   OnDiskAutomatic, OnDiskZstd19, OnDiskRaw) {
  Fixture fixture;
  BlobStore& store = fixture.store;
  for (const Bytes& blob : sample_blobs()) {
    CAPTURE(blob.size());
    const PutResult result = store.put(blob);
    CHECK(result.added);
    CHECK(result.digest == sha256(blob));
    CHECK(store.get(result.digest) == blob);
    Bytes out(blob.size(), std::byte{0xAA});
    store.get_into(result.digest, out);
    CHECK(out == blob);
    const auto info = store.find(result.digest);
    REQUIRE(info.has_value());
    CHECK(info->stored_bytes == result.stored_bytes);
  }
}

TEST_CASE_TEMPLATE("fs_dedupes_identical_writes: a blob that is there is not added again", Fixture, InMemory,
                   OnDiskAutomatic, OnDiskZstd19, OnDiskRaw) {
  Fixture fixture;
  BlobStore& store = fixture.store;
  const Bytes blob = compressible_bytes(10'000, 1);
  const PutResult first = store.put(blob);
  const std::uint64_t bytes_after_first = store.physical_bytes();
  const PutResult second = store.put(blob);
  CHECK(first.added);
  CHECK_FALSE(second.added);
  CHECK(second.digest == first.digest);
  CHECK(second.stored_bytes == first.stored_bytes);
  CHECK(store.physical_bytes() == bytes_after_first);
  CHECK(bytes_after_first == first.stored_bytes);
}

TEST_CASE_TEMPLATE("a batch shows nothing before its commit and everything after it", Fixture, InMemory,
                   OnDiskAutomatic, OnDiskZstd19, OnDiskRaw) {
  Fixture fixture;
  BlobStore& store = fixture.store;
  const std::vector<Bytes> blobs = sample_blobs();
  const auto batch = store.begin_batch();
  for (const Bytes& blob : blobs) CHECK(batch->put(blob).added);
  for (const Bytes& blob : blobs) CHECK_FALSE(store.contains(sha256(blob)));
  batch->commit();
  for (const Bytes& blob : blobs) CHECK(store.get(sha256(blob)) == blob);
}

TEST_CASE_TEMPLATE("a batch that was not committed leaves nothing", Fixture, InMemory, OnDiskAutomatic, OnDiskZstd19,
                   OnDiskRaw) {
  Fixture fixture;
  BlobStore& store = fixture.store;
  const Bytes blob = compressible_bytes(5000, 1);
  store.begin_batch()->put(blob);
  CHECK_FALSE(store.contains(sha256(blob)));
  CHECK(store.physical_bytes() == 0);
  CHECK(store.put(blob).added);
}

TEST_CASE_TEMPLATE("a blob put twice into one batch is added once", Fixture, InMemory, OnDiskAutomatic, OnDiskZstd19,
                   OnDiskRaw) {
  Fixture fixture;
  BlobStore& store = fixture.store;
  const Bytes blob = compressible_bytes(5000, 1);
  const auto batch = store.begin_batch();
  const PutResult first = batch->put(blob);
  const PutResult second = batch->put(blob);
  CHECK(first.added);
  CHECK_FALSE(second.added);
  CHECK(second.stored_bytes == first.stored_bytes);
  batch->commit();
  std::size_t visits = 0;
  store.for_each([&](const Digest&, const BlobInfo&) { ++visits; });
  CHECK(visits == 1);
}

TEST_CASE_TEMPLATE("an empty batch commits", Fixture, InMemory, OnDiskAutomatic, OnDiskZstd19, OnDiskRaw) {
  Fixture fixture;
  BlobStore& store = fixture.store;
  store.begin_batch()->commit();
  CHECK(store.physical_bytes() == 0);
}

TEST_CASE_TEMPLATE("a batch takes blobs from many threads, the same ones too", Fixture, InMemory, OnDiskAutomatic,
                   OnDiskZstd19, OnDiskRaw) {
  Fixture fixture;
  BlobStore& store = fixture.store;
  constexpr std::uint64_t kBlobs = 50;
  std::atomic<std::size_t> added{0};
  const auto batch = store.begin_batch();
  {
    std::vector<std::jthread> threads;
    for (std::uint64_t t = 0; t < 4; ++t) {
      threads.emplace_back([&, t] {
        for (std::uint64_t i = 0; i < kBlobs; ++i) {
          const std::uint64_t seed = (i + t * 7) % kBlobs;
          if (batch->put(compressible_bytes(2000, seed)).added) ++added;
        }
      });
    }
  }
  batch->commit();
  CHECK(added == kBlobs);
  std::size_t visits = 0;
  store.for_each([&](const Digest&, const BlobInfo&) { ++visits; });
  CHECK(visits == kBlobs);
  for (std::uint64_t i = 0; i < kBlobs; ++i) {
    const Bytes blob = compressible_bytes(2000, i);
    CHECK(store.get(sha256(blob)) == blob);
  }
}

TEST_CASE_TEMPLATE("what was never put is absent", Fixture, InMemory, OnDiskAutomatic, OnDiskZstd19, OnDiskRaw) {
  Fixture fixture;
  BlobStore& store = fixture.store;
  store.put(bytes_of("something else"));
  const Digest digest = sha256(bytes_of("absent"));
  CHECK_FALSE(store.contains(digest));
  CHECK_FALSE(store.find(digest).has_value());
  CHECK_FALSE(store.remove(digest));
  Bytes out(6);
  CHECK(failure_of([&] { store.get_into(digest, out); }).code == Errc::not_found);
  CHECK(failure_of([&] { std::ignore = store.get(digest); }).code == Errc::not_found);
}

TEST_CASE_TEMPLATE("get_into with another size than the blob's says damaged", Fixture, InMemory, OnDiskAutomatic,
                   OnDiskZstd19, OnDiskRaw) {
  Fixture fixture;
  BlobStore& store = fixture.store;
  for (const Bytes& blob : {compressible_bytes(4096, 1), random_bytes(4096, 1)}) {
    const Digest digest = store.put(blob).digest;
    for (const std::size_t size : {std::size_t{0}, blob.size() - 1, blob.size() + 1, 2 * blob.size()}) {
      CAPTURE(size);
      Bytes out(size);
      CHECK(failure_of([&] { store.get_into(digest, out); }).code == Errc::damaged);
    }
  }
  const Digest empty = store.put({}).digest;
  Bytes one(1);
  CHECK(failure_of([&] { store.get_into(empty, one); }).code == Errc::damaged);
}

TEST_CASE_TEMPLATE("get gives a blob of exactly the limit and refuses one above it", Fixture, InMemory, OnDiskAutomatic,
                   OnDiskZstd19, OnDiskRaw) {
  Fixture fixture;
  BlobStore& store = fixture.store;
  // Around the sizes at which a growing buffer grows, too.
  for (const std::size_t size : {1U, 4096U, 65'535U, 65'536U, 65'537U, 131'072U, 300'000U}) {
    for (const Bytes& blob : {compressible_bytes(size, 1), random_bytes(size, 1)}) {
      CAPTURE(size);
      const Digest digest = store.put(blob).digest;
      CHECK(store.get(digest, size) == blob);
      CHECK(store.get(digest, size + 1) == blob);
      CHECK(failure_of([&] { std::ignore = store.get(digest, size - 1); }).code == Errc::too_large);
    }
  }
}

TEST_CASE("each encoding has a name") {
  CHECK(name_of(Encoding::raw) == "raw");
  CHECK(name_of(Encoding::zstd) == "zstd");
  CHECK(name_of(Encoding::planes2) == "planes2");
  CHECK(name_of(Encoding::planes4) == "planes4");
}

TEST_CASE_TEMPLATE("for_each visits each blob once, and physical_bytes is their sum", Fixture, InMemory,
                   OnDiskAutomatic, OnDiskZstd19, OnDiskRaw) {
  Fixture fixture;
  BlobStore& store = fixture.store;
  std::map<Digest, std::uint64_t> expected;
  std::uint64_t expected_bytes = 0;
  for (const Bytes& blob : sample_blobs()) {
    const PutResult result = store.put(blob);
    expected[result.digest] = result.stored_bytes;
    expected_bytes += result.stored_bytes;
  }
  std::map<Digest, std::uint64_t> visited;
  store.for_each([&](const Digest& digest, const BlobInfo& info) {
    CHECK(visited.emplace(digest, info.stored_bytes).second);
    CHECK(store.find(digest)->encoding == info.encoding);  // a visitor may use the store
  });
  CHECK(visited == expected);
  CHECK(store.physical_bytes() == expected_bytes);
}

TEST_CASE_TEMPLATE("a removed blob is gone and can be put again", Fixture, InMemory, OnDiskAutomatic, OnDiskZstd19,
                   OnDiskRaw) {
  Fixture fixture;
  BlobStore& store = fixture.store;
  const Bytes blob = compressible_bytes(5000, 1);
  const Digest digest = store.put(blob).digest;
  store.put(bytes_of("stays"));
  CHECK(store.remove(digest));
  CHECK_FALSE(store.contains(digest));
  CHECK_FALSE(store.remove(digest));
  CHECK(store.contains(sha256(bytes_of("stays"))));
  CHECK(store.put(blob).added);
  CHECK(store.get(digest) == blob);
}

TEST_CASE_TEMPLATE("a blob above the largest size is refused before anything is done with it", Fixture, InMemory,
                   OnDiskAutomatic, OnDiskZstd19, OnDiskRaw) {
  Fixture fixture;
  BlobStore& store = fixture.store;
  // A span over memory that isn't there: touching it would crash.
  const std::span<const std::byte> huge(reinterpret_cast<const std::byte*>(4096), kMaxBlobBytes + 1);
  CHECK(failure_of([&] { store.put(huge); }).code == Errc::too_large);
}

TEST_CASE_TEMPLATE("many blobs put and got at once are as those put and got one by one", Fixture, InMemory,
                   OnDiskAutomatic, OnDiskZstd19, OnDiskRaw) {
  Fixture fixture;
  BlobStore& store = fixture.store;
  std::vector<Bytes> blobs = sample_blobs();
  blobs.push_back(blobs.front());  // the same twice in one call
  const std::vector<std::span<const std::byte>> views(blobs.begin(), blobs.end());
  std::vector<PutResult> results(blobs.size());
  const auto batch = store.begin_batch();
  batch->put_many(views, results, {});
  batch->commit();
  CHECK_FALSE(results.back().added);

  std::vector<Bytes> outs;
  std::vector<GetRequest> requests;
  for (const Bytes& blob : blobs) outs.emplace_back(blob.size(), std::byte{0xAA});
  for (std::size_t i = 0; i < blobs.size(); ++i) {
    CHECK(results[i].digest == sha256(blobs[i]));
    requests.push_back({results[i].digest, outs[i], {}});
  }
  store.get_many(requests);
  for (std::size_t i = 0; i < blobs.size(); ++i) {
    CHECK_FALSE(requests[i].failure.has_value());
    CHECK(outs[i] == blobs[i]);
  }
}

TEST_CASE_TEMPLATE("get_all gives every blob, or throws the first failure", Fixture, InMemory, OnDiskAutomatic,
                   OnDiskZstd19, OnDiskRaw) {
  Fixture fixture;
  BlobStore& store = fixture.store;
  const Bytes blob = compressible_bytes(5000, 1);
  Bytes first(blob.size());
  Bytes last(blob.size());
  Bytes other(9);
  std::vector<GetRequest> requests = {{store.put(blob).digest, first, {}}, {sha256(blob), last, {}}};
  store.get_all(requests);
  CHECK(first == blob);
  CHECK(last == blob);

  const Digest absent = sha256(bytes_of("nobody"));
  std::vector<GetRequest> broken = {{sha256(blob), first, {}}, {absent, other, {}}, {sha256(blob), other, {}}};
  const Failure failure = failure_of([&] { store.get_all(broken); });
  CHECK(failure.code == Errc::not_found);
  CHECK(failure.what.find(absent.hex()) != std::string::npos);
}

TEST_CASE_TEMPLATE("of many blobs got at once one that fails does not touch the others", Fixture, InMemory,
                   OnDiskAutomatic, OnDiskZstd19, OnDiskRaw) {
  Fixture fixture;
  BlobStore& store = fixture.store;
  const Bytes blob = compressible_bytes(5000, 1);
  const Digest digest = store.put(blob).digest;
  Bytes good(blob.size());
  Bytes wrong_size(blob.size() - 1);
  Bytes absent(1);
  std::vector<GetRequest> requests = {
      {sha256(bytes_of("absent")), absent, {}}, {digest, good, {}}, {digest, wrong_size, {}}};
  store.get_many(requests);
  REQUIRE(requests[0].failure.has_value());
  CHECK(requests[0].failure->code() == Errc::not_found);
  CHECK_FALSE(requests[1].failure.has_value());
  CHECK(good == blob);
  REQUIRE(requests[2].failure.has_value());
  CHECK(requests[2].failure->code() == Errc::damaged);
}

}  // namespace
}  // namespace pfcache::test
