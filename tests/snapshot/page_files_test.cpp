#include "pfcache/page_files.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/resource.h>

#include <atomic>
#include <csignal>

#include "base/bytes.hpp"
#include "pfcache/mem_blob_store.hpp"
#include "pfcache/sha256.hpp"
#include "snapshot/snapshot_support.hpp"
#include "support/temp_dir.hpp"

namespace pfcache::test {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kG2 = "530ae64d7190faf6861dff4d3fe22268b5440d9524ef82e4df7756464bb20e8b";
constexpr std::string_view kGeometry =
    R"("layout":"paged-batchinvariant-v1","page_size_tokens":4,"n_layers":2,"n_heads":2,"head_dim":4,"dtype":"bf16")";

/// A store with the snapshot of vector G2, and a place to write.
struct Fixture {
  MemBlobStore blobs;
  TempDir dir;
  fs::path out = dir.path() / "out";
  Digest digest;

  Fixture() {
    SyntheticCachePager pager(kSmall);
    pager.populate_synthetic(8, 99);
    digest = capture_cache(pager, blobs).digest;
  }

  void restore() const { restore_directory(blobs, digest, out); }

  /// The code of capturing `out`, into a store of its own that must then be empty.
  [[nodiscard]] Failure refused() const {
    MemBlobStore fresh;
    auto failure = failure_of([&] { capture_directory(out, fresh); });
    CHECK(fresh.physical_bytes() == 0);
    return failure;
  }
};

/// Cuts pages/ into k/ and v/.
void split_halves(const fs::path& dir) {
  fs::create_directory(dir / "k");
  fs::create_directory(dir / "v");
  for (const std::string& name : names_in(dir / "pages")) {
    const std::string page = read_text(dir / "pages" / name);
    write_text(dir / "k" / name, page.substr(0, page.size() / 2));
    write_text(dir / "v" / name, page.substr(page.size() / 2));
  }
  fs::remove_all(dir / "pages");
}

}  // namespace

TEST_CASE("page files are named by four digits or more") {
  CHECK(page_file_name(PageIndex{0}) == "0000");
  CHECK(page_file_name(PageIndex{12}) == "0012");
  CHECK(page_file_name(PageIndex{12345}) == "12345");
  CHECK(page_file_name(PageIndex{4294967295U}) == "4294967295");
  for (const std::uint32_t ix : {0U, 7U, 9999U, 10000U, 4294967295U}) {
    CHECK(parse_page_file_name(page_file_name(PageIndex{ix})) == PageIndex{ix});
  }
}

TEST_CASE("no other name is a page's") {
  for (const std::string_view name : {"", "12", "012", "00012", "01234", "4294967296", "99999999999", "12a4", "-001",
                                      "+001", " 001", "0001 ", "0x01", ".0001", "0001.tmp"}) {
    CAPTURE(name);
    CHECK_FALSE(parse_page_file_name(name).has_value());
  }
}

TEST_CASE_FIXTURE(Fixture, "a restored directory holds the exact manifest and the pages, K before V") {
  const RestoreResult result = restore_directory(blobs, digest, out);
  CHECK(result.pages == 8);
  CHECK(result.logical_bytes == 2048);
  CHECK(names_in(out) == std::vector<std::string>{"manifest.json", "pages"});
  CHECK(sha256(as_bytes(read_text(out / "manifest.json"))).hex() == kG2);
  SyntheticCachePager pager(kSmall);
  pager.populate_synthetic(8, 99);
  for (std::uint32_t i = 0; i < 8; ++i) {
    CHECK(read_text(out / "pages" / page_file_name(PageIndex{i})) == as_text(page_of(pager, PageIndex{i})));
  }
  CHECK(names_in(dir.path()) == std::vector<std::string>{"out"});
}

TEST_CASE_FIXTURE(Fixture, "a restored directory captured again is the same snapshot, with pages/ and with k/ and v/") {
  restore();
  MemBlobStore whole;
  const CaptureResult result = capture_directory(out, whole);
  CHECK(result.digest == digest);
  CHECK(result.pages == 8);
  CHECK(result.logical_bytes == 2048);
  CHECK(result.added_blobs == 17);
  split_halves(out);
  MemBlobStore halves;
  CHECK(capture_directory(out, halves).digest == digest);
  CHECK(halves.physical_bytes() == whole.physical_bytes());
}

TEST_CASE_FIXTURE(Fixture, "a manifest that isn't canonical keeps its exact bytes and digest on the way out and in") {
  std::string json = std::string(as_text(blobs.get(digest, kMaxManifestBytes)));
  json.insert(1, "\n  \"name\" : \"a/b\",");
  json += "\n";
  const Digest odd = blobs.put(as_bytes(json)).digest;
  restore_directory(blobs, odd, out);
  CHECK(read_text(out / "manifest.json") == json);
  MemBlobStore fresh;
  CHECK(capture_directory(out, fresh).digest == odd);
}

TEST_CASE_FIXTURE(Fixture, "an oddity that pf-cache writes survives: of two pages with one ix the last is the file") {
  PageManifest manifest = PageManifest::parse(as_text(blobs.get(digest, kMaxManifestBytes)));
  manifest.pages[1].ix = PageIndex{0};
  const Digest odd = blobs.put(as_bytes(manifest.to_json())).digest;
  CHECK(restore_directory(blobs, odd, out).pages == 7);
  MemBlobStore fresh;
  const CaptureResult again = capture_directory(out, fresh);
  CHECK(again.digest == odd);
  CHECK(again.pages == 7);
}

TEST_CASE_FIXTURE(Fixture, "digests that the manifest leaves out are computed") {
  restore();
  const std::string seqs =
      R"("logical_seqs":[{"id":"seq-seed-0000000000000063","page_ixs":[0,1,2,3,4,5,6,7],"fill_in_last_page":2}])";
  MemBlobStore fresh;
  SUBCASE("of all pages, which are not listed either") {
    write_text(out / "manifest.json", fmt::format("{{{},{}}}", kGeometry, seqs));
  }
  SUBCASE("of listed pages") {
    std::string pages;
    for (int i = 7; i >= 0; --i) pages += fmt::format("{}{{\"ix\":{}}}", pages.empty() ? "" : ",", i);
    write_text(out / "manifest.json", fmt::format("{{{},\"pages\":[{}],{}}}\n", kGeometry, pages, seqs));
  }
  CHECK(capture_directory(out, fresh).digest == digest);
}

TEST_CASE_FIXTURE(Fixture, "a snapshot without pages is restored and captured") {
  SyntheticCachePager pager(kSmall);
  const Digest empty = capture_cache(pager, blobs).digest;
  restore_directory(blobs, empty, out);
  CHECK(names_in(out) == std::vector<std::string>{"manifest.json", "pages"});
  MemBlobStore fresh;
  CHECK(capture_directory(out, fresh).digest == empty);
}

TEST_CASE_FIXTURE(Fixture, "files in flight, with a dot in front, are left out") {
  restore();
  write_text(out / "pages" / ".0003.aBcDeF", "half a page");
  MemBlobStore fresh;
  CHECK(capture_directory(out, fresh).digest == digest);
}

TEST_CASE_FIXTURE(Fixture, "a page of the wrong size is refused, with the file, the expected and the found size") {
  restore();
  write_text(out / "pages" / "0003", std::string(255, 'x'));
  const auto failure = refused();
  CHECK(failure.code == Errc::malformed);
  CHECK(names(failure, "pages/0003"));
  CHECK(names(failure, "256"));
  CHECK(names(failure, "255"));
}

TEST_CASE_FIXTURE(Fixture, "a half of the wrong size is refused") {
  restore();
  split_halves(out);
  write_text(out / "v" / "0003", std::string(256, 'x'));
  const auto failure = refused();
  CHECK(failure.code == Errc::malformed);
  CHECK(names(failure, "v/0003"));
  CHECK(names(failure, "128"));
}

TEST_CASE_FIXTURE(Fixture, "a page that doesn't match its digest is damage, and nothing is stored") {
  restore();
  std::string page = read_text(out / "pages" / "0005");
  page[200] = static_cast<char>(page[200] ^ 1);
  write_text(out / "pages" / "0005", page);
  const auto failure = refused();
  CHECK(failure.code == Errc::damaged);
  CHECK(names(failure, "pages/0005"));
  CHECK(names(failure, "expected V"));
}

TEST_CASE_FIXTURE(Fixture, "a listed page that is not there is not found") {
  restore();
  fs::remove(out / "pages" / "0006");
  const auto failure = refused();
  CHECK(failure.code == Errc::not_found);
  CHECK(names(failure, "pages/0006"));
}

TEST_CASE_FIXTURE(Fixture, "a half without the other is not found") {
  restore();
  split_halves(out);
  SUBCASE("one file") {
    fs::remove(out / "v" / "0006");
    CHECK(names(refused(), "v/0006"));
  }
  SUBCASE("the directory") {
    fs::remove_all(out / "k");
    CHECK(names(refused(), "/k"));
  }
  CHECK(refused().code == Errc::not_found);
}

TEST_CASE_FIXTURE(Fixture, "a page that is not listed, or a name that is no page's, is malformed") {
  restore();
  for (const std::string name : {"0008", "4294967295", "00001", "8", "0001.bak", "README"}) {
    write_text(out / "pages" / name, std::string(256, 'x'));
    const auto failure = refused();
    CHECK(failure.code == Errc::malformed);
    CHECK_MESSAGE(names(failure, "pages/" + name), failure.what);
    fs::remove(out / "pages" / name);
  }
}

TEST_CASE_FIXTURE(Fixture, "a directory without a manifest, without pages, or that is none, is refused") {
  CHECK(refused().code == Errc::not_found);
  fs::create_directory(out);
  CHECK(names(refused(), "manifest.json"));
  fs::remove(out);
  restore();
  fs::remove_all(out / "pages");
  CHECK(refused().code == Errc::not_found);
  fs::remove_all(out);
  write_text(out, "a file");
  CHECK(refused().code == Errc::invalid_argument);
}

TEST_CASE_FIXTURE(Fixture, "a bad manifest is refused, and the message names the file and the field") {
  restore();
  write_text(out / "manifest.json", fmt::format(R"({{{},"pages":[{{"ix":-1}}]}})", kGeometry));
  auto failure = refused();
  CHECK(failure.code == Errc::malformed);
  CHECK(names(failure, "out/manifest.json"));
  CHECK(names(failure, "'ix'"));
  // What a manifest of pf-cache may do, one that we complete must not.
  write_text(out / "manifest.json",
             fmt::format(R"({{{},"logical_seqs":[{{"id":"s","page_ixs":[8],"fill_in_last_page":0}}]}})", kGeometry));
  failure = refused();
  CHECK(failure.code == Errc::malformed);
  CHECK(names(failure, "page 8"));
}

TEST_CASE_FIXTURE(Fixture, "an empty directory is filled, anything else is left as it is") {
  fs::create_directory(out);
  restore();
  CHECK(names_in(out).size() == 2);
  const auto before = contents_of(dir.path());
  CHECK(failure_of([&] { restore(); }).code == Errc::already_exists);
  fs::path file = dir.path() / "file";
  write_text(file, "mine");
  CHECK(failure_of([&] { restore_directory(blobs, digest, file); }).code == Errc::already_exists);
  CHECK(read_text(file) == "mine");
  fs::remove(file);
  CHECK(contents_of(dir.path()) == before);
}

TEST_CASE_FIXTURE(Fixture, "a destination may end in a slash, be relative, or be a link to an empty directory") {
  restore_directory(blobs, digest, out.native() + "/");
  CHECK(fs::exists(out / "pages" / "0000"));
  fs::create_directory(dir.path() / "real");
  fs::create_directory_symlink(dir.path() / "real", dir.path() / "link");
  restore_directory(blobs, digest, dir.path() / "link");
  CHECK(fs::exists(dir.path() / "real" / "manifest.json"));
  CHECK(fs::is_symlink(dir.path() / "link"));
}

TEST_CASE_FIXTURE(Fixture, "a destination in an absent directory is not found") {
  CHECK(failure_of([&] { restore_directory(blobs, digest, out / "a" / "b"); }).code == Errc::not_found);
  CHECK(names_in(dir.path()).empty());
}

TEST_CASE_FIXTURE(Fixture, "a restore that fails leaves nothing behind") {
  blobs.remove(PageManifest::parse(as_text(blobs.get(digest, kMaxManifestBytes))).pages[5].k);
  CHECK(failure_of([&] { restore(); }).code == Errc::not_found);
  CHECK(names_in(dir.path()).empty());
  CHECK(failure_of([&] { restore_directory(blobs, Digest(), out); }).code == Errc::not_found);
  CHECK(names_in(dir.path()).empty());
}

TEST_CASE_FIXTURE(Fixture, "a full disk is an error, and leaves nothing behind") {
  // A limit on the size of files stands for the disk: writes above it fail, with EFBIG instead of ENOSPC.
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit tight{100, before.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &tight) == 0);
  std::error_code code;
  try {
    restore();
  } catch (const Error& error) {
    code = error.code();
  }
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  CHECK(code == std::errc::file_too_large);
  CHECK(names_in(dir.path()).empty());
}

TEST_CASE_FIXTURE(Fixture, "a stop request ends both ways and leaves nothing behind") {
  std::stop_source source;
  source.request_stop();
  RestoreOptions restore_options;
  restore_options.stop = source.get_token();
  CHECK(failure_of([&] { restore_directory(blobs, digest, out, restore_options); }).code == Errc::interrupted);
  CHECK(names_in(dir.path()).empty());
  restore();
  CaptureOptions capture_options;
  capture_options.stop = source.get_token();
  MemBlobStore fresh;
  CHECK(failure_of([&] { capture_directory(out, fresh, capture_options); }).code == Errc::interrupted);
  CHECK(fresh.physical_bytes() == 0);
}

TEST_CASE_FIXTURE(Fixture, "a stop request in the middle of a restore removes what was written") {
  /// Asks to stop when the fifth blob is read.
  class Stopping final : public BlobStore {
   public:
    Stopping(const BlobStore& inner, std::stop_source& source) : inner_(inner), source_(source) {}
    [[nodiscard]] std::unique_ptr<BlobBatch> begin_batch() override { return nullptr; }
    void get_into(const Digest& blob, std::span<std::byte> bytes) const override {
      if (++reads_ == 5) source_.request_stop();
      inner_.get_into(blob, bytes);
    }
    [[nodiscard]] std::vector<std::byte> get(const Digest& blob, std::uint64_t limit) const override {
      return inner_.get(blob, limit);
    }
    [[nodiscard]] std::optional<BlobInfo> find(const Digest& blob) const override { return inner_.find(blob); }
    void for_each(const std::function<void(const Digest&, const BlobInfo&)>&) const override {}
    bool remove(const Digest&) override { return false; }

   private:
    const BlobStore& inner_;
    std::stop_source& source_;
    mutable std::atomic<int> reads_{0};
  };
  std::stop_source source;
  const Stopping stopping(blobs, source);
  RestoreOptions options;
  options.stop = source.get_token();
  CHECK(failure_of([&] { restore_directory(stopping, digest, out, options); }).code == Errc::interrupted);
  CHECK(names_in(dir.path()).empty());
}

}  // namespace pfcache::test
