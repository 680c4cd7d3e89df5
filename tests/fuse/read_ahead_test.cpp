#include "fuse/read_ahead.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <thread>
#include <vector>

#include "counting_store.hpp"
#include "samples.hpp"

using namespace pfcache;
using namespace pfcache::fuse;
using namespace pfcache::fuse::test;

namespace {

constexpr std::uint32_t kPages = 200;

std::vector<PageEntry> many_pages() {
  std::vector<PageEntry> pages;
  for (std::uint32_t i = 0; i < kPages; ++i) {
    const auto byte = static_cast<std::uint8_t>(i);
    pages.push_back({PageIndex{i}, digest_of(byte), digest_of(byte)});
  }
  return pages;
}

struct Sample {
  explicit Sample(std::uint64_t hot_bytes = 1U << 20U) : hot(blobs, *backing, {hot_bytes, 1000}, log) {}

  CountingStore blobs;
  Log log{[](std::string_view) {}};
  std::unique_ptr<HotBacking> backing = make_hot_memory();
  HotStore hot;
  SnapshotPtr snapshot = view_of(digest_of(9), many_pages());
  ReadAhead ahead{hot};

  void open(std::uint32_t row, NodeKind kind = NodeKind::page) { ahead.note_open(node_in(snapshot, kind, row)); }

  // How many blobs were decoded once no more are.
  int settled() const {
    int before = -1;
    while (before != blobs.decoded) {
      before = blobs.decoded;
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    return before;
  }
};

}  // namespace

TEST_CASE("two pages in a row are followed by the next ones") {
  Sample sample;
  sample.open(10);
  CHECK(sample.settled() == 0);
  sample.open(11);
  CHECK(sample.settled() == 2 * 2);  // two pages, K and V
  sample.open(12);
  CHECK(sample.settled() > 2 * 3);  // farther ahead than before
  for (std::uint32_t row = 13; row < 40; ++row) sample.open(row);
  const int ahead = sample.settled();
  for (std::uint32_t row = 40; row < 48; ++row) sample.open(row);
  const int farther = sample.settled() - ahead;  // as far as it goes, in steps of a job
  CHECK(farther > 0);
  CHECK(farther <= 2 * 16);
  CHECK(sample.blobs.largest_group > 2);
  CHECK(sample.blobs.largest_group <= 16);
}

TEST_CASE("all of a run is decoded, and nothing twice") {
  for (const std::uint32_t begin : {0U, 1U, 7U}) {
    Sample sample;
    for (std::uint32_t row = begin; row < kPages; ++row) {
      sample.open(row);
      if (row % 10 == 0) (void)sample.settled();
    }
    CHECK(sample.settled() == 2 * (kPages - begin - 2));
  }
}

TEST_CASE("opens at random, backwards or of one page again and again are no run") {
  Sample sample;
  for (const std::uint32_t row : {5U, 50U, 49U, 48U, 7U, 7U, 100U, 5U, 30U}) sample.open(row);
  CHECK(sample.settled() == 0);
}

TEST_CASE("runs side by side go on by themselves") {
  Sample sample;
  sample.open(0);
  sample.open(100);
  sample.open(1);
  const int one = sample.settled();
  sample.open(101);
  CHECK(sample.settled() == 2 * one);
}

TEST_CASE("threads that share a run may pass each other") {
  Sample sample;
  sample.open(0);
  sample.open(1);
  const int begun = sample.settled();
  sample.open(3);
  sample.open(2);
  sample.open(4);
  CHECK(sample.settled() >= begun + 2 * 3);
}

TEST_CASE("halves run by themselves: K after K, V after V") {
  Sample sample;
  sample.open(0, NodeKind::half);
  sample.open(1, NodeKind::half);
  CHECK(sample.settled() == 0);
  sample.open(2, NodeKind::half);
  CHECK(sample.settled() > 0);
}

TEST_CASE("a run ends with the snapshot") {
  Sample sample;
  sample.open(kPages - 3);
  sample.open(kPages - 2);
  CHECK(sample.settled() == 2);
  sample.open(kPages - 1);
  CHECK(sample.settled() == 2);
}

TEST_CASE("no more is decoded ahead than a part of the hot store holds") {
  Sample none(16);
  none.open(0);
  none.open(1);
  CHECK(none.settled() == 0);
  Sample two(4 * 2 * 16);
  two.open(0);
  two.open(1);
  CHECK(two.settled() == 2 * 2);
}

TEST_CASE("pages that can't be decoded harm nobody, and it ends while it works") {
  Sample sample;
  sample.blobs.is_damaged = true;
  sample.blobs.delay = std::chrono::milliseconds(5);
  for (std::uint32_t row = 0; row < 50; ++row) sample.open(row);
}
