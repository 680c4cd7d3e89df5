#include "fuse/contents.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "fuse/file_bytes.hpp"
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
  std::unique_ptr<HotBacking> backing = make_hot_memory();
  HotStore hot{blobs, *backing, {1U << 20U, 100}, log};
  Contents contents{hot, log};
  SnapshotPtr view = view_of(digest_of(9), {{{3}, k, v}});

  Digest put(std::string_view text) { return blobs.put(std::as_bytes(std::span(text))).digest; }

  std::string read(NodeKind kind, std::uint32_t row) {
    const HotFilePtr file = contents.get(node_in(view, kind, row));
    std::string text(file->size_bytes(), '\0');
    REQUIRE(read_at(file->fd(), 0, std::as_writable_bytes(std::span(text))));
    return text;
  }
};

}  // namespace

TEST_CASE("a page is K and then V, halves are K and V alone") {
  SamplePage page;
  CHECK(page.read(NodeKind::page, 0) == "abcdefghABCDEFGH");
  CHECK(page.read(NodeKind::half, 0) == "abcdefgh");
  CHECK(page.read(NodeKind::half, 1) == "ABCDEFGH");
}

TEST_CASE("a lost half fails with EIO and a line that names it; the other half is there") {
  SamplePage page;
  page.blobs.remove(page.v);
  for (int i = 0; i < 3; ++i) {
    try {
      (void)page.read(NodeKind::page, 0);
      FAIL("read");
    } catch (const Error& error) {
      CHECK(errno_of(error.code()) == EIO);
    }
  }
  CHECK(page.read(NodeKind::half, 0) == "abcdefgh");
  REQUIRE(page.lines.size() == 1);
  for (const std::string& part : {page.v.hex(), std::string("pages/0003"), digest_of(9).hex()}) {
    CHECK(page.lines[0].find(part) != std::string::npos);
  }
}

TEST_CASE("a page of another size than the geometry says is never shown") {
  SamplePage page;
  const Digest shorter = page.put("short");
  page.view = view_of(digest_of(9), {{{0}, shorter, page.v}});
  CHECK_THROWS_AS((void)page.read(NodeKind::page, 0), Error);
  CHECK_THROWS_AS((void)page.read(NodeKind::half, 0), Error);
}
