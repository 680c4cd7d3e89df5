#include "pfcache/restore.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>

#include "base/bytes.hpp"
#include "pfcache/capture.hpp"
#include "pfcache/mem_blob_store.hpp"
#include "snapshot/snapshot_support.hpp"
#include "snapshot/test_pagers.hpp"

namespace pfcache::test {
namespace {

Digest capture_pages(BlobStore& blobs, std::uint32_t count = 8, std::uint64_t seed = 99) {
  SyntheticCachePager pager(kSmall);
  pager.populate_synthetic(count, seed);
  return capture_cache(pager, blobs).digest;
}

Digest put_manifest(BlobStore& blobs, const PageManifest& manifest) {
  return blobs.put(as_bytes(manifest.to_json())).digest;
}

PageManifest manifest_of(const BlobStore& blobs, const Digest& digest) {
  return PageManifest::parse(as_text(blobs.get(digest, kMaxManifestBytes)));
}

/// Pages at `ixs`, K of page n filled with n's number in the list, and a sequence over them.
Digest capture_sparse(BlobStore& blobs, const std::vector<std::uint32_t>& ixs) {
  SyntheticCachePager pager(kSmall);
  LogicalSeq seq{"s", {}, 1};
  for (std::size_t i = 0; i < ixs.size(); ++i) {
    const std::vector<std::byte> k(128, static_cast<std::byte>(i));
    pager.write_page(PageIndex{ixs[i]}, {k, k});
    seq.page_ixs.push_back(PageIndex{ixs[i]});
  }
  pager.install_logical_seqs(std::span(&seq, 1));
  return capture_cache(pager, blobs).digest;
}

std::vector<std::uint32_t> values(const std::vector<PageIndex>& ixs) {
  std::vector<std::uint32_t> numbers;
  for (const PageIndex ix : ixs) numbers.push_back(ix.value);
  return numbers;
}

}  // namespace

TEST_CASE("capture_then_restore_into_fresh_pager") {
  MemBlobStore blobs;
  SyntheticCachePager source(kSmall);
  source.populate_synthetic(8, 99);
  const Digest digest = capture_cache(source, blobs).digest;
  JournalPager target(kSmall);
  const RestoreResult result = restore_cache(target, blobs, digest);
  CHECK(result.pages == 8);
  CHECK(result.logical_bytes == 8 * 2 * 128);
  CHECK(target.inner.occupied_pages() == source.occupied_pages());
  CHECK(target.inner.logical_seqs() == source.logical_seqs());
  for (const PageIndex ix : source.occupied_pages()) CHECK(page_of(target.inner, ix) == page_of(source, ix));
  CHECK(target.journal->count("pause") == 1);
  CHECK(target.journal->count("resume") == 1);
  CHECK(target.journal->last("install_logical_seqs") < target.journal->first("resume"));
}

TEST_CASE("logical_seqs_survive_round_trip") {
  MemBlobStore blobs;
  SyntheticCachePager source(kSmall);
  source.populate_synthetic(3, 1);
  const std::vector<LogicalSeq> seqs = {
      {"", {}, 0}, {"a\"\\\n漢", {PageIndex{2}, PageIndex{0}, PageIndex{2}}, 4}, {"b", {PageIndex{1}}, 0}};
  source.install_logical_seqs(seqs);
  SyntheticCachePager target(kSmall);
  restore_cache(target, blobs, capture_cache(source, blobs).digest);
  CHECK(target.logical_seqs() == seqs);
}

TEST_CASE("random_page_sets_round_trip") {
  std::mt19937_64 random(3);
  for (int round = 0; round < 100; ++round) {
    const CacheMeta meta{1 + static_cast<std::uint32_t>(random() % 4), static_cast<std::uint32_t>(random() % 3), 2, 3,
                         random() % 2 == 0 ? DType::f32 : DType::fp8e4m3};
    MemBlobStore blobs;
    SyntheticCachePager source(meta);
    for (std::size_t n = random() % 20; n > 0; --n) {
      std::vector<std::byte> bytes(2 * meta.page_bytes());
      fill_synthetic(random() % 4, bytes);  // few seeds, so that pages repeat
      const std::span<const std::byte> page(bytes);
      source.write_page(PageIndex{static_cast<std::uint32_t>(random() % 64)},
                        {page.first(meta.page_bytes()), page.last(meta.page_bytes())});
    }
    LogicalSeq seq{"r", source.occupied_pages(), 0};
    std::shuffle(seq.page_ixs.begin(), seq.page_ixs.end(), random);
    source.install_logical_seqs(std::span(&seq, 1));
    const Digest digest = capture_cache(source, blobs).digest;

    SyntheticCachePager target(meta);
    restore_cache(target, blobs, digest);
    REQUIRE(target.occupied_pages().size() == source.occupied_pages().size());
    const std::vector<PageIndex> moved = target.logical_seqs().at(0).page_ixs;
    REQUIRE(moved.size() == seq.page_ixs.size());
    for (std::size_t i = 0; i < moved.size(); ++i) {
      REQUIRE(page_of(target, moved[i]) == page_of(source, seq.page_ixs[i]));
    }
  }
}

TEST_CASE("a snapshot of 10,000 pages goes out and in") {
  MemBlobStore blobs;
  SyntheticCachePager source(kSmall);
  source.populate_synthetic(10000, 4);
  const Digest digest = capture_cache(source, blobs).digest;
  SyntheticCachePager target(kSmall);
  CHECK(restore_cache(target, blobs, digest).pages == 10000);
  CHECK(capture_cache(target, blobs).digest == digest);
}

TEST_CASE("restore_into_mismatched_meta_errors") {
  Journal journal;
  MemBlobStore memory;
  JournalBlobStore blobs(memory, journal);
  const Digest digest = capture_pages(memory);
  for (const CacheMeta& other :
       {CacheMeta{5, 2, 2, 4, DType::bf16}, CacheMeta{4, 3, 2, 4, DType::bf16}, CacheMeta{4, 2, 3, 4, DType::bf16},
        CacheMeta{4, 2, 2, 5, DType::bf16}, CacheMeta{4, 2, 2, 4, DType::f16}}) {
    JournalPager target(other);
    const auto failure = failure_of([&] { restore_cache(target, blobs, digest); });
    CHECK(failure.code == Errc::mismatch);
    CHECK(names(failure, "geometry"));
    CHECK(target.journal->count("resume") == 1);
    CHECK(target.journal->count("allocate_pages") == 0);
  }
  CHECK(journal.count("get_into") == 0);
}

TEST_CASE("a pager that isn't empty is refused before any page is read") {
  Journal journal;
  MemBlobStore memory;
  JournalBlobStore blobs(memory, journal);
  const Digest digest = capture_pages(memory);
  JournalPager target(kSmall);
  target.inner.populate_synthetic(1, 1);
  const auto failure = failure_of([&] { restore_cache(target, blobs, digest); });
  CHECK(failure.code == Errc::mismatch);
  CHECK(names(failure, "empty"));
  CHECK(target.journal->count("resume") == 1);
  CHECK(journal.count("get_into") == 0);
}

TEST_CASE("pages keep their ix where it was granted, the others take the slots that are left, in order") {
  MemBlobStore blobs;
  const Digest digest = capture_sparse(blobs, {7, 2, 900, 3});
  JournalPager target(kSmall);
  target.grants = {PageIndex{11}, PageIndex{3}, PageIndex{5}, PageIndex{2}};
  restore_cache(target, blobs, digest);
  CHECK(values(target.written) == std::vector<std::uint32_t>{11, 3, 5, 2});  // filled in the order of the grant
  // 2 and 3 stay; 7 and 900 go to 11 and 5.
  CHECK(values(target.inner.logical_seqs().at(0).page_ixs) == std::vector<std::uint32_t>{11, 2, 5, 3});
  CHECK(page_of(target.inner, PageIndex{11})[0] == std::byte{0});
  CHECK(page_of(target.inner, PageIndex{2})[0] == std::byte{1});
  CHECK(page_of(target.inner, PageIndex{5})[0] == std::byte{2});
  CHECK(page_of(target.inner, PageIndex{3})[0] == std::byte{3});
}

TEST_CASE("a sparse snapshot is not handed out twice") {
  MemBlobStore blobs;
  const Digest digest = capture_sparse(blobs, {1, 5});
  SyntheticCachePager target(kSmall);
  restore_cache(target, blobs, digest);
  CHECK(values(target.occupied_pages()) == std::vector<std::uint32_t>{0, 1});
  CHECK(values(target.logical_seqs().at(0).page_ixs) == std::vector<std::uint32_t>{1, 0});
  CHECK(values(target.allocate_pages(2)) == std::vector<std::uint32_t>{2, 3});
}

TEST_CASE("a grant that is too small, too large or repeats a slot is refused") {
  MemBlobStore blobs;
  const Digest digest = capture_sparse(blobs, {0, 1});
  for (const std::vector<PageIndex>& grants :
       {std::vector{PageIndex{0}}, std::vector{PageIndex{0}, PageIndex{1}, PageIndex{2}},
        std::vector{PageIndex{4}, PageIndex{4}}}) {
    JournalPager target(kSmall);
    target.grants = grants;
    CHECK(failure_of([&] { restore_cache(target, blobs, digest); }).code == Errc::mismatch);
    CHECK(target.journal->count("write_page") == 0);
    CHECK(target.journal->count("resume") == 1);
  }
}

TEST_CASE("a sequence over an absent page is refused before the pager is paused") {
  MemBlobStore blobs;
  PageManifest manifest = manifest_of(blobs, capture_pages(blobs));
  manifest.logical_seqs[0].page_ixs.push_back(PageIndex{77});
  JournalPager target(kSmall);
  const auto failure = failure_of([&] { restore_cache(target, blobs, put_manifest(blobs, manifest)); });
  CHECK(failure.code == Errc::malformed);
  CHECK(names(failure, "77"));
  CHECK(target.journal->count("pause") == 0);
}

TEST_CASE("of pages with one ix the last is restored") {
  MemBlobStore blobs;
  PageManifest manifest = manifest_of(blobs, capture_pages(blobs, 3));
  manifest.pages[1].ix = PageIndex{0};
  manifest.logical_seqs.clear();
  JournalPager target(kSmall);
  CHECK(restore_cache(target, blobs, put_manifest(blobs, manifest)).pages == 2);
  SyntheticCachePager source(kSmall);
  source.populate_synthetic(3, 99);
  CHECK(page_of(target.inner, PageIndex{0}) == page_of(source, PageIndex{1}));
}

TEST_CASE("an unknown snapshot is not found, and the pager is left alone") {
  MemBlobStore blobs;
  JournalPager target(kSmall);
  CHECK(failure_of([&] { restore_cache(target, blobs, Digest()); }).code == Errc::not_found);
  CHECK(target.journal->events().empty());
}

TEST_CASE("a blob that is no manifest is refused, and the message names it") {
  MemBlobStore blobs;
  const Digest digest = blobs.put(as_bytes("no manifest")).digest;
  JournalPager target(kSmall);
  const auto failure = failure_of([&] { restore_cache(target, blobs, digest); });
  CHECK(failure.code == Errc::malformed);
  CHECK(names(failure, digest.hex()));
  CHECK(target.journal->events().empty());
}

TEST_CASE("a page that is missing ends the restore with the code of the reason") {
  MemBlobStore blobs;
  const Digest digest = capture_pages(blobs);
  blobs.remove(manifest_of(blobs, digest).pages[3].v);
  JournalPager target(kSmall);
  CHECK(failure_of([&] { restore_cache(target, blobs, digest); }).code == Errc::not_found);
  CHECK(target.journal->count("resume") == 1);
  CHECK(target.journal->count("install_logical_seqs") == 0);
}

TEST_CASE("a page of another size than the geometry says is damage, and never written") {
  MemBlobStore blobs;
  PageManifest manifest = manifest_of(blobs, capture_pages(blobs, 1));
  manifest.pages[0].v = blobs.put(as_bytes("short")).digest;
  JournalPager target(kSmall);
  CHECK(failure_of([&] { restore_cache(target, blobs, put_manifest(blobs, manifest)); }).code == Errc::damaged);
  CHECK(target.journal->count("write_page") == 0);
}

TEST_CASE("an error after pages were written says how many of how many, once, and keeps its code") {
  class Failing final : public CachePager {
   public:
    [[nodiscard]] CacheMeta meta() const override { return kSmall; }
    void pause() override {}
    void resume() override { ++resumes; }
    [[nodiscard]] std::vector<PageIndex> occupied_pages() const override { return {}; }
    [[nodiscard]] std::vector<LogicalSeq> logical_seqs() const override { return {}; }
    void read_page(PageIndex, MutablePageView) override {}
    [[nodiscard]] std::vector<PageIndex> allocate_pages(std::size_t count) override {
      std::vector<PageIndex> ixs(count);
      for (std::uint32_t i = 0; i < count; ++i) ixs[i] = PageIndex{i};
      return ixs;
    }
    void write_page(PageIndex ix, PageView) override {
      if (ix.value == 3) throw Error(Errc::busy, "the engine is out of breath");
    }
    void install_logical_seqs(std::span<const LogicalSeq>) override {}
    int resumes = 0;
  };
  MemBlobStore blobs;
  Failing target;
  const auto failure = failure_of([&] { restore_cache(target, blobs, capture_pages(blobs)); });
  CHECK(failure.code == Errc::busy);
  CHECK(failure.what == "restored 3 of 8 pages: the engine is out of breath: busy");
  CHECK(target.resumes == 1);
}

TEST_CASE("whichever call of the pager fails, a restore resumes it exactly once and passes the error on") {
  MemBlobStore blobs;
  const Digest digest = capture_pages(blobs);
  for (const std::string call :
       {"meta", "occupied_pages", "allocate_pages", "write_page", "install_logical_seqs", "resume"}) {
    CAPTURE(call);
    JournalPager target(kSmall);
    target.fails_in = call;
    CHECK_THROWS_WITH_AS(restore_cache(target, blobs, digest), ("told to fail in " + call).c_str(), std::runtime_error);
    CHECK(target.journal->count("resume") == 1);
  }
}

TEST_CASE("a stop request ends a restore, with the pager resumed") {
  MemBlobStore blobs;
  const Digest digest = capture_pages(blobs);
  JournalPager target(kSmall);
  std::stop_source source;
  source.request_stop();
  RestoreOptions options;
  options.stop = source.get_token();
  CHECK(failure_of([&] { restore_cache(target, blobs, digest, options); }).code == Errc::interrupted);
  CHECK(target.journal->count("pause") == target.journal->count("resume"));
  CHECK(target.journal->count("write_page") == 0);
}

TEST_CASE("a stop request between two pages ends a restore, which says how far it came") {
  /// Asks to stop once it has taken three pages.
  class Stopping final : public CachePager {
   public:
    explicit Stopping(std::stop_source& source) : source_(source) {}
    [[nodiscard]] CacheMeta meta() const override { return kSmall; }
    void pause() override {}
    void resume() override { ++resumes; }
    [[nodiscard]] std::vector<PageIndex> occupied_pages() const override { return {}; }
    [[nodiscard]] std::vector<LogicalSeq> logical_seqs() const override { return {}; }
    void read_page(PageIndex, MutablePageView) override {}
    [[nodiscard]] std::vector<PageIndex> allocate_pages(std::size_t count) override {
      std::vector<PageIndex> ixs(count);
      for (std::uint32_t i = 0; i < count; ++i) ixs[i] = PageIndex{i};
      return ixs;
    }
    void write_page(PageIndex, PageView) override {
      if (++writes == 3) source_.request_stop();
    }
    void install_logical_seqs(std::span<const LogicalSeq>) override { ++installs; }
    int writes = 0;
    int installs = 0;
    int resumes = 0;

   private:
    std::stop_source& source_;
  };
  MemBlobStore blobs;
  const Digest digest = capture_pages(blobs);
  std::stop_source source;
  Stopping target(source);
  RestoreOptions options;
  options.stop = source.get_token();
  const auto failure = failure_of([&] { restore_cache(target, blobs, digest, options); });
  CHECK(failure.code == Errc::interrupted);
  CHECK(names(failure, "restored 3 of 8 pages"));
  CHECK(target.writes == 3);
  CHECK(target.installs == 0);
  CHECK(target.resumes == 1);
}

}  // namespace pfcache::test
