#include "pfcache/capture.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cerrno>

#include "base/bytes.hpp"
#include "pfcache/mem_blob_store.hpp"
#include "pfcache/sha256.hpp"
#include "snapshot/snapshot_support.hpp"
#include "snapshot/test_pagers.hpp"

namespace pfcache::test {
namespace {

std::string manifest_text(const BlobStore& blobs, const Digest& digest) {
  return std::string(as_text(blobs.get(digest, kMaxManifestBytes)));
}

Digest capture_synthetic(const CacheMeta& meta, std::uint32_t pages, std::uint64_t seed, BlobStore& blobs) {
  SyntheticCachePager pager(meta);
  if (pages > 0) pager.populate_synthetic(pages, seed);
  return capture_cache(pager, blobs).digest;
}

/// Asks to stop when the given page is read.
class StoppingPager final : public CachePager {
 public:
  StoppingPager(CachePager& inner, std::stop_source source, std::size_t at) : inner_(inner), source_(source), at_(at) {}
  [[nodiscard]] CacheMeta meta() const override { return inner_.meta(); }
  void pause() override { inner_.pause(); }
  void resume() override { inner_.resume(); }
  [[nodiscard]] std::vector<PageIndex> occupied_pages() const override { return inner_.occupied_pages(); }
  [[nodiscard]] std::vector<LogicalSeq> logical_seqs() const override { return inner_.logical_seqs(); }
  void read_page(PageIndex ix, MutablePageView out) override {
    if (++reads_ == at_) source_.request_stop();
    inner_.read_page(ix, out);
  }
  [[nodiscard]] std::vector<PageIndex> allocate_pages(std::size_t count) override {
    return inner_.allocate_pages(count);
  }
  void write_page(PageIndex ix, PageView page) override { inner_.write_page(ix, page); }
  void install_logical_seqs(std::span<const LogicalSeq> seqs) override { inner_.install_logical_seqs(seqs); }
  [[nodiscard]] std::size_t reads() const noexcept { return reads_; }

 private:
  CachePager& inner_;
  std::stop_source source_;
  std::size_t at_;
  std::size_t reads_ = 0;
};

}  // namespace

TEST_CASE("the vectors of pf-cache: G0, G1, G2, G4 have its digests and lengths") {
  struct Vector {
    CacheMeta meta;
    std::uint32_t pages;
    std::uint64_t seed;
    std::size_t manifest_bytes;
    std::string_view digest;
  };
  static constexpr Vector kVectors[] = {
      {{4, 2, 2, 4, DType::bf16}, 2, 0, 541, "a7e58d925525c51b33013cd01f18f139c5cbdad3e0599a97df67fc9191a8005d"},
      {{4, 2, 2, 4, DType::bf16}, 8, 99, 1543, "530ae64d7190faf6861dff4d3fe22268b5440d9524ef82e4df7756464bb20e8b"},
      {{3, 1, 1, 3, DType::f16}, 3, 7, 707, "1d480e3c39f60205bd09688c2a0a32991e5d90e27939529826f0f6c7d22a3c52"},
  };
  for (const Vector& vector : kVectors) {
    MemBlobStore blobs;
    const Digest digest = capture_synthetic(vector.meta, vector.pages, vector.seed, blobs);
    CHECK(digest.hex() == vector.digest);
    CHECK(manifest_text(blobs, digest).size() == vector.manifest_bytes);
  }
}

TEST_CASE("vector G0: an empty cache with one empty sequence") {
  MemBlobStore blobs;
  SyntheticCachePager pager({16, 0, 0, 0, DType::bf16});
  pager.populate_synthetic(0, 0);
  const CaptureResult result = capture_cache(pager, blobs);
  CHECK(result.digest.hex() == "545e82c47227b0f40f78b93b74e0e1dbc999c5e0f1b5008ae3f94966472f39b2");
  CHECK(manifest_text(blobs, result.digest).size() == 210);
  CHECK(result.pages == 0);
  CHECK(result.logical_bytes == 0);
  CHECK(result.added_blobs == 1);
}

TEST_CASE("the manifests of G1 and G2 are those that pf-cache wrote") {
  MemBlobStore blobs;
  const std::filesystem::path data = TEST_DATA_DIR;
  CHECK(manifest_text(blobs, capture_synthetic(kSmall, 2, 0, blobs)) == read_text(data / "manifest-g1.json"));
  CHECK(manifest_text(blobs, capture_synthetic(kSmall, 8, 99, blobs)) == read_text(data / "manifest-g2.json"));
}

TEST_CASE("a capture counts pages, bytes and what it added") {
  MemBlobStore blobs;
  SyntheticCachePager pager(kSmall);
  pager.populate_synthetic(8, 99);
  const CaptureResult first = capture_cache(pager, blobs);
  CHECK(first.pages == 8);
  CHECK(first.logical_bytes == 8 * 2 * 128);
  CHECK(first.added_blobs == 17);
  CHECK(first.added_bytes == blobs.physical_bytes());
  const CaptureResult second = capture_cache(pager, blobs);
  CHECK(second.digest == first.digest);
  CHECK(second.added_blobs == 0);
  CHECK(second.added_bytes == 0);
}

TEST_CASE("cow_dedupes_identical_pages_across_two_pagers") {
  MemBlobStore blobs;
  const Digest digest = capture_synthetic(kSmall, 8, 5, blobs);
  const std::uint64_t bytes = blobs.physical_bytes();
  CHECK(capture_synthetic(kSmall, 8, 5, blobs) == digest);
  CHECK(blobs.physical_bytes() == bytes);
}

TEST_CASE("cow_partial_divergence_only_stores_diff") {
  MemBlobStore blobs;
  SyntheticCachePager pager(kSmall);
  pager.populate_synthetic(8, 5);
  std::ignore = capture_cache(pager, blobs);
  const std::vector<std::byte> other(128, std::byte{7});
  const auto page = page_of(pager, PageIndex{3});
  pager.write_page(PageIndex{3}, {other, std::span(page).last(128)});
  const CaptureResult result = capture_cache(pager, blobs);
  CHECK(result.added_blobs == 2);  // that K, and a manifest
}

TEST_CASE("pages that are the same within one capture are stored, and counted, once") {
  MemBlobStore blobs;
  SyntheticCachePager pager(kSmall);
  const std::vector<std::byte> same(128, std::byte{1});
  for (std::uint32_t i = 0; i < 5; ++i) pager.write_page(PageIndex{i}, {same, same});
  const CaptureResult result = capture_cache(pager, blobs);
  CHECK(result.added_blobs == 2);
  CHECK(result.added_bytes == blobs.physical_bytes());
}

TEST_CASE("occupied pages may come in any order") {
  MemBlobStore blobs;
  JournalPager pager(kSmall);
  pager.inner.populate_synthetic(3, 9);
  pager.occupied = {PageIndex{2}, PageIndex{0}, PageIndex{1}};
  const Digest expected = capture_synthetic(kSmall, 3, 9, blobs);
  CHECK(capture_cache(pager, blobs).digest == expected);
}

TEST_CASE("sparse page numbers are kept") {
  MemBlobStore blobs;
  SyntheticCachePager pager(kSmall);
  const std::vector<std::byte> bytes(128, std::byte{1});
  for (const std::uint32_t ix : {7U, 4294967295U, 12345U}) pager.write_page(PageIndex{ix}, {bytes, bytes});
  const auto manifest = PageManifest::parse(manifest_text(blobs, capture_cache(pager, blobs).digest));
  REQUIRE(manifest.pages.size() == 3);
  CHECK(manifest.pages[0].ix.value == 7);
  CHECK(manifest.pages[1].ix.value == 12345);
  CHECK(manifest.pages[2].ix.value == 4294967295U);
}

TEST_CASE("a pager that contradicts itself is refused, and resumed") {
  MemBlobStore blobs;
  JournalPager pager(kSmall);
  pager.inner.populate_synthetic(3, 9);
  SUBCASE("a page occupied twice") { pager.occupied = {PageIndex{1}, PageIndex{0}, PageIndex{2}, PageIndex{1}}; }
  SUBCASE("a sequence over a page that isn't occupied") { pager.occupied = {PageIndex{0}, PageIndex{1}}; }
  CHECK(failure_of([&] { capture_cache(pager, blobs); }).code == Errc::mismatch);
  CHECK(pager.journal->count("resume") == 1);
  CHECK(blobs.physical_bytes() == 0);
}

TEST_CASE("a sequence id that is not UTF-8 is refused before anything is stored") {
  MemBlobStore blobs;
  SyntheticCachePager pager(kSmall);
  pager.populate_synthetic(1, 9);
  const LogicalSeq bad{"\xff\xfe", {PageIndex{0}}, 0};
  pager.install_logical_seqs(std::span(&bad, 1));
  CHECK(failure_of([&] { capture_cache(pager, blobs); }).code == Errc::malformed);
  CHECK(blobs.physical_bytes() == 0);
}

TEST_CASE("a geometry above the limit is refused, and the pager resumed") {
  MemBlobStore blobs;
  JournalPager pager({1U << 30, 2, 1, 1, DType::bf16});
  CHECK(failure_of([&] { capture_cache(pager, blobs); }).code == Errc::too_large);
  CHECK(pager.journal->count("resume") == 1);
}

TEST_CASE("the pause holds the copy and nothing else") {
  Journal journal;
  MemBlobStore memory;
  JournalBlobStore blobs(memory, journal);
  JournalPager pager(kSmall);
  pager.inner.populate_synthetic(6, 1);
  pager.journal = &journal;
  const CaptureResult result = capture_cache(pager, blobs);
  CHECK(journal.count("read_page") == 6);
  CHECK(journal.count("put") == 13);
  CHECK(journal.first("pause") < journal.first("occupied_pages"));
  CHECK(journal.last("read_page") < journal.first("resume"));
  CHECK(journal.first("resume") < journal.first("put"));
  CHECK(result.pause.count() > 0);
}

TEST_CASE("the manifest is stored after the pages are durable") {
  Journal journal;
  MemBlobStore memory;
  JournalBlobStore blobs(memory, journal);
  SyntheticCachePager pager(kSmall);
  pager.populate_synthetic(2, 1);
  std::ignore = capture_cache(pager, blobs);
  CHECK(journal.events() == std::vector<std::string>{"put", "put", "put", "put", "commit", "put", "commit"});
}

TEST_CASE("a cache above the memory limit is stored piece by piece inside the pause, in one batch") {
  for (const std::uint64_t limit_bytes : {0U, 1U, 256U, 3U * 256, 5U * 256 + 255}) {
    CAPTURE(limit_bytes);
    Journal journal;
    MemBlobStore memory;
    JournalBlobStore blobs(memory, journal);
    JournalPager pager(kSmall);
    pager.inner.populate_synthetic(8, 99);
    pager.journal = &journal;
    CaptureOptions options;
    options.memory_limit_bytes = limit_bytes;
    const CaptureResult result = capture_cache(pager, blobs, options);
    CHECK(result.digest.hex() == "530ae64d7190faf6861dff4d3fe22268b5440d9524ef82e4df7756464bb20e8b");
    CHECK(journal.first("put") < journal.first("resume"));
    CHECK(journal.first("resume") < journal.first("commit"));
    CHECK(journal.count("commit") == 2);
    // What is held in memory at once is what was read before the first put after it.
    const std::size_t window = std::max<std::size_t>(1, limit_bytes / 256);
    CHECK(journal.first("put") - journal.first("read_page") == window);
  }
}

TEST_CASE("whichever call of the pager fails, it is resumed exactly once and nothing is stored") {
  for (const std::uint64_t limit_bytes : {std::uint64_t{0}, CaptureOptions().memory_limit_bytes}) {
    for (const std::string call : {"meta", "occupied_pages", "logical_seqs", "read_page"}) {
      CAPTURE(call);
      MemBlobStore blobs;
      JournalPager pager(kSmall);
      pager.inner.populate_synthetic(3, 1);
      pager.fails_in = call;
      if (call == "read_page") pager.fails_at = 2;
      CaptureOptions options;
      options.memory_limit_bytes = limit_bytes;
      CHECK_THROWS_WITH_AS(capture_cache(pager, blobs, options), ("told to fail in " + call).c_str(),
                           std::runtime_error);
      CHECK(pager.journal->count("resume") == 1);
      CHECK_FALSE(pager.inner.is_paused());
      CHECK(blobs.physical_bytes() == 0);
    }
  }
}

TEST_CASE("a pause that fails is not resumed") {
  MemBlobStore blobs;
  JournalPager pager(kSmall);
  pager.fails_in = "pause";
  CHECK_THROWS_AS(capture_cache(pager, blobs), std::runtime_error);
  CHECK(pager.journal->count("resume") == 0);
}

TEST_CASE("a resume that fails does not lose the snapshot") {
  for (const std::uint64_t limit_bytes : {std::uint64_t{0}, CaptureOptions().memory_limit_bytes}) {
    MemBlobStore blobs;
    JournalPager pager(kSmall);
    pager.inner.populate_synthetic(8, 99);
    pager.fails_in = "resume";
    CaptureOptions options;
    options.memory_limit_bytes = limit_bytes;
    try {
      capture_cache(pager, blobs, options);
      FAIL("no exception");
    } catch (const ResumeError& error) {
      CHECK(error.result().digest.hex() == "530ae64d7190faf6861dff4d3fe22268b5440d9524ef82e4df7756464bb20e8b");
      CHECK(error.result().pages == 8);
      CHECK(std::string(error.what()).find("told to fail in resume") != std::string::npos);
      CHECK(blobs.contains(error.result().digest));
    }
    CHECK(pager.journal->count("resume") == 1);
  }
}

TEST_CASE("an error of the capture wins over one of resume") {
  class FullStore final : public BlobStore {
   public:
    [[nodiscard]] std::unique_ptr<BlobBatch> begin_batch() override { throw Error::from_errno(ENOSPC, "no room"); }
    void get_into(const Digest&, std::span<std::byte>) const override {}
    [[nodiscard]] std::vector<std::byte> get(const Digest&, std::uint64_t) const override { return {}; }
    [[nodiscard]] std::optional<BlobInfo> find(const Digest&) const override { return {}; }
    void for_each(const std::function<void(const Digest&, const BlobInfo&)>&) const override {}
    bool remove(const Digest&) override { return false; }
  };
  for (const std::uint64_t limit_bytes : {std::uint64_t{0}, CaptureOptions().memory_limit_bytes}) {
    FullStore blobs;
    JournalPager pager(kSmall);
    pager.inner.populate_synthetic(3, 1);
    pager.fails_in = "resume";
    CaptureOptions options;
    options.memory_limit_bytes = limit_bytes;
    CHECK(failure_of([&] { capture_cache(pager, blobs, options); }).code == std::errc::no_space_on_device);
    CHECK(pager.journal->count("resume") == 1);
  }
}

TEST_CASE("a stop request ends a capture, resumed and with nothing stored") {
  for (const std::uint64_t limit_bytes : {std::uint64_t{0}, CaptureOptions().memory_limit_bytes}) {
    for (const std::size_t at : {1U, 3U}) {
      MemBlobStore blobs;
      JournalPager inner(kSmall);
      inner.inner.populate_synthetic(8, 1);
      std::stop_source source;
      StoppingPager pager(inner, source, at);
      CaptureOptions options;
      options.stop = source.get_token();
      options.memory_limit_bytes = limit_bytes;
      CHECK(failure_of([&] { capture_cache(pager, blobs, options); }).code == Errc::interrupted);
      CHECK(pager.reads() == at);
      CHECK(inner.journal->count("resume") == 1);
      CHECK(blobs.physical_bytes() == 0);
    }
  }
}

TEST_CASE("a stop request that came before the capture keeps it from pausing") {
  MemBlobStore blobs;
  JournalPager pager(kSmall);
  std::stop_source source;
  source.request_stop();
  CaptureOptions options;
  options.stop = source.get_token();
  CHECK(failure_of([&] { capture_cache(pager, blobs, options); }).code == Errc::interrupted);
  CHECK(pager.journal->count("pause") == 0);
}

TEST_CASE("what the pager expects to be copied is asked before the pause, and may be wrong either way") {
  MemBlobStore plain;
  const Digest digest = capture_synthetic(kSmall, 3, 1, plain);
  for (const std::uint64_t expected : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{1} << 20, ~std::uint64_t{0}}) {
    CAPTURE(expected);
    JournalPager pager(kSmall);
    pager.inner.populate_synthetic(3, 1);
    pager.expected = expected;
    MemBlobStore blobs;
    CaptureOptions options;
    options.memory_limit_bytes = std::uint64_t{4} << 20;
    CHECK(capture_cache(pager, blobs, options).digest == digest);
    CHECK(pager.own_journal.last("expected_bytes") < pager.own_journal.first("pause"));
  }
}

}  // namespace pfcache::test
