#include "fuse/snapshot_view.hpp"

#include <doctest/doctest.h>

#include "samples.hpp"

using namespace pfcache;
using namespace pfcache::fuse;
using namespace pfcache::fuse::test;

TEST_CASE("pages are found by the names they are listed under, and no others") {
  const SnapshotPtr view =
      view_of(digest_of(9), {{{12345}, digest_of(1), digest_of(1)}, {{7}, digest_of(2), digest_of(2)}});
  REQUIRE(view->pages().size() == 2);
  CHECK(view->pages()[0].ix == PageIndex{7});
  CHECK(view->find_page("0007") == 0U);
  CHECK(view->find_page("12345") == 1U);
  for (const char* other : {"", "7", "007", "00007", "0008", "12346", "-007", "0007 ", "99999", "4294967303"}) {
    CHECK_FALSE(view->find_page(other));
  }
}

TEST_CASE("of pages with one ix the last in the manifest counts") {
  const SnapshotPtr view = view_of(
      digest_of(9),
      {{{3}, digest_of(1), digest_of(1)}, {{0}, digest_of(5), digest_of(5)}, {{3}, digest_of(2), digest_of(2)}});
  REQUIRE(view->pages().size() == 2);
  CHECK(view->pages()[*view->find_page("0003")].k == digest_of(2));
}

TEST_CASE("sequences have safe names in order; of two with one id the last counts") {
  const SnapshotPtr view =
      view_of(digest_of(9), {}, {{"b", {{1}}, 0}, {"a/..", {}, 0}, {"b", {{2}, {3}}, 0}, {"", {}, 0}});
  REQUIRE(view->seqs().size() == 3);
  CHECK(view->seqs()[0].name == "%");
  CHECK(view->seqs()[1].name == "a%2F..");
  CHECK(view->seqs()[2].name == "b");
  CHECK(view->seqs()[2].page_ixs == std::vector<PageIndex>{{2}, {3}});
  CHECK(view->find_seq("a%2F..") == 1U);
  CHECK_FALSE(view->find_seq("a/.."));
  CHECK_FALSE(view->find_seq("c"));
  CHECK_FALSE(view->find_seq(""));
}
