#include "fuse/content_reader.hpp"

#include <doctest/doctest.h>

#include <cstring>
#include <string>
#include <vector>

#include "pfcache/error.hpp"
#include "pfcache/mem_blob_store.hpp"
#include "samples.hpp"

using namespace pfcache;
using namespace pfcache::fuse;
using namespace pfcache::fuse::test;

namespace {

// One page: K "abcdefgh", V "ABCDEFGH".
struct SamplePage {
  MemBlobStore blobs;
  Digest k = put("abcdefgh");
  Digest v = put("ABCDEFGH");
  std::vector<std::string> lines;
  Log log{[this](std::string_view line) { lines.emplace_back(line); }};
  BlobCache cache{blobs, 1000};
  ContentReader reader{cache, log};
  SnapshotPtr view = view_of(digest_of(9), {{{3}, k, v}});

  Digest put(std::string_view text) { return blobs.put(std::as_bytes(std::span(text))).digest; }

  std::string read(NodeKind kind, std::uint32_t row, std::uint64_t offset, std::uint64_t size) {
    const FileRange range = reader.read(node_in(view, kind, row), offset, size);
    std::string text;
    for (const auto piece : range.pieces) text.append(reinterpret_cast<const char*>(piece.data()), piece.size());
    return text;
  }
};

}  // namespace

TEST_CASE("a page is K and then V, in any stretch of it") {
  SamplePage page;
  const std::string whole = "abcdefghABCDEFGH";
  CHECK(page.read(NodeKind::page, 0, 0, 4096) == whole);
  for (std::uint64_t offset = 0; offset <= whole.size(); ++offset) {
    for (std::uint64_t size = 0; size <= whole.size(); ++size) {
      REQUIRE(page.read(NodeKind::page, 0, offset, size) == whole.substr(offset, size));
    }
  }
  CHECK(page.read(NodeKind::page, 0, 17, 1).empty());
  CHECK(page.read(NodeKind::page, 0, ~std::uint64_t{0}, ~std::uint64_t{0}).empty());
  CHECK(page.read(NodeKind::page, 0, 15, ~std::uint64_t{0}) == "H");
}

TEST_CASE("halves are K and V alone") {
  SamplePage page;
  CHECK(page.read(NodeKind::half, 0, 0, 100) == "abcdefgh");
  CHECK(page.read(NodeKind::half, 1, 2, 3) == "CDE");
}

TEST_CASE("a lost half fails with EIO and a line that names it; the other half is read") {
  SamplePage page;
  page.blobs.remove(page.v);
  for (int i = 0; i < 3; ++i) {
    try {
      (void)page.read(NodeKind::page, 0, 0, 9);
      FAIL("read");
    } catch (const Error& error) {
      CHECK(errno_of(error.code()) == EIO);
    }
  }
  CHECK(page.read(NodeKind::page, 0, 0, 8) == "abcdefgh");
  REQUIRE(page.lines.size() == 1);
  for (const std::string& part : {page.v.hex(), std::string("pages/0003"), digest_of(9).hex()}) {
    CHECK(page.lines[0].find(part) != std::string::npos);
  }
}

TEST_CASE("a page of another size than the geometry says is never shown") {
  SamplePage page;
  const Digest shorter = page.put("short");
  page.view = view_of(digest_of(9), {{{0}, shorter, page.v}});
  CHECK_THROWS_AS((void)page.read(NodeKind::page, 0, 0, 4), Error);
  CHECK_THROWS_AS((void)page.read(NodeKind::half, 0, 0, 1), Error);
}
