#include "fuse/hot_store.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <string>
#include <thread>
#include <vector>

#include "counting_store.hpp"
#include "fuse/file_bytes.hpp"
#include "samples.hpp"

using namespace pfcache;
using namespace pfcache::fuse;
using namespace pfcache::fuse::test;

namespace {

constexpr std::uint64_t kBlock = 4096;

HotKey key_of(std::uint8_t byte, std::uint64_t size_bytes = kBlock) { return {{digest_of(byte), {}}, 1, size_bytes}; }

std::vector<std::byte> bytes_of(const HotFilePtr& file) {
  std::vector<std::byte> bytes(file->size_bytes());
  REQUIRE(read_at(file->fd(), 0, bytes));
  return bytes;
}

bool holds(const HotFilePtr& file, std::uint8_t byte) {
  return std::ranges::all_of(bytes_of(file), [&](std::byte found) { return found == std::byte{byte}; });
}

// A backing that is full.
class FullBacking final : public HotBacking {
 public:
  UniqueFd make(const HotKey& /*key*/, std::span<const std::byte> /*bytes*/) override {
    throw Error::from_errno(ENOSPC, "disk");
  }
  std::optional<UniqueFd> find(const HotKey& /*key*/) override { return std::nullopt; }
  void remove(const HotKey& /*key*/) noexcept override {}
  std::vector<HotKey> list() override { return {}; }
  UniqueFd make_sample() override { return UniqueFd(); }
  bool is_sealed() const noexcept override { return true; }
  unsigned stack_depth() const override { return 1; }
  std::string name() const override { return "full"; }
};

struct Sample {
  explicit Sample(std::uint64_t limit_blocks, std::size_t files = 1000)
      : store(blobs, *backing, {limit_blocks * kBlock, files}, log) {}

  CountingStore blobs;
  std::vector<std::string> lines;
  Log log{[this](std::string_view line) { lines.emplace_back(line); }};
  std::unique_ptr<HotBacking> backing = make_hot_memory();
  HotStore store;
};

}  // namespace

TEST_CASE("a page is decoded once and then kept: K, then V") {
  Sample sample(10);
  const HotKey key{{digest_of(5), digest_of(6)}, 2, 100};
  const HotFilePtr file = sample.store.get(key);
  const std::vector<std::byte> bytes = bytes_of(file);
  REQUIRE(bytes.size() == 200);
  CHECK(std::count(bytes.begin(), bytes.begin() + 100, std::byte{5}) == 100);
  CHECK(std::count(bytes.begin() + 100, bytes.end(), std::byte{6}) == 100);
  CHECK(sample.store.get(key) == file);
  CHECK(sample.blobs.decoded == 2);
  CHECK(sample.store.has(key));
  CHECK_FALSE(sample.store.has(key_of(5)));
  CHECK(sample.store.held_bytes() == kBlock);
}

TEST_CASE("one digest in two sizes is two files") {
  Sample sample(10);
  CHECK(sample.store.get(key_of(1, 10))->size_bytes() == 10);
  CHECK(sample.store.get(key_of(1, 20))->size_bytes() == 20);
  CHECK(sample.blobs.decoded == 2);
}

TEST_CASE("the least recently used goes first when the limit is reached") {
  Sample sample(3);
  constexpr std::uint8_t kOneToThree[] = {1, 2, 3};
  constexpr std::uint8_t kWithoutTwo[] = {1, 3, 4};
  for (const std::uint8_t i : kOneToThree) (void)sample.store.get(key_of(i));
  (void)sample.store.get(key_of(1));
  (void)sample.store.get(key_of(4));  // takes the place of 2
  CHECK(sample.store.held_bytes() == 3 * kBlock);
  CHECK(sample.blobs.decoded == 4);
  for (const std::uint8_t i : kWithoutTwo) (void)sample.store.get(key_of(i));
  CHECK(sample.blobs.decoded == 4);
  (void)sample.store.get(key_of(2));
  CHECK(sample.blobs.decoded == 5);
}

TEST_CASE("the number of files has a limit, too") {
  Sample sample(1000, 2);
  constexpr std::uint8_t kTwice[] = {1, 2, 3, 1};
  for (const std::uint8_t i : kTwice) (void)sample.store.get(key_of(i));
  CHECK(sample.blobs.decoded == 4);
  CHECK(sample.store.held_bytes() == 2 * kBlock);
}

TEST_CASE("a file larger than the limit is given, not kept, and evicts nothing") {
  Sample sample(3);
  (void)sample.store.get(key_of(1, 3 * kBlock));
  CHECK(holds(sample.store.get(key_of(2, 3 * kBlock + 1)), 2));
  CHECK(sample.store.held_bytes() == 3 * kBlock);
  (void)sample.store.get(key_of(1, 3 * kBlock));
  CHECK(sample.blobs.decoded == 2);
}

TEST_CASE("a file in use and a mapping survive its eviction") {
  Sample sample(1);
  HotFilePtr first = sample.store.get(key_of(1));
  void* mapping = ::mmap(nullptr, kBlock, PROT_READ, MAP_SHARED, first->fd(), 0);
  REQUIRE(mapping != MAP_FAILED);
  (void)sample.store.get(key_of(2));
  CHECK(holds(first, 1));
  first.reset();
  CHECK(static_cast<const std::byte*>(mapping)[kBlock - 1] == std::byte{1});
  ::munmap(mapping, kBlock);
}

TEST_CASE("nobody can change what is kept in memory") {
  Sample sample(1);
  const HotFilePtr file = sample.store.get(key_of(1));
  CHECK(::pwrite(file->fd(), "x", 1, 0) == -1);
  CHECK(::ftruncate(file->fd(), 0) == -1);
  CHECK(::ftruncate(file->fd(), 2 * kBlock) == -1);
  CHECK(::mmap(nullptr, kBlock, PROT_READ | PROT_WRITE, MAP_SHARED, file->fd(), 0) == MAP_FAILED);
}

TEST_CASE("an empty page is a page") {
  Sample sample(0);
  CHECK(sample.store.get(key_of(1, 0))->size_bytes() == 0);
}

TEST_CASE("a failure is told and not kept") {
  Sample sample(10);
  sample.blobs.is_damaged = true;
  CHECK_THROWS_AS((void)sample.store.get(key_of(1)), Error);
  CHECK_THROWS_AS((void)sample.store.get(key_of(1)), Error);
  CHECK(sample.store.held_bytes() == 0);
  sample.blobs.is_damaged = false;
  CHECK(holds(sample.store.get(key_of(1)), 1));
}

TEST_CASE("many that want one file at once wait for one decoding") {
  Sample sample(0);  // nothing is kept, so that only the waiting can make it one
  sample.blobs.delay = std::chrono::milliseconds(100);
  std::atomic<int> right{0};
  std::vector<std::jthread> threads;
  for (int i = 0; i < 16; ++i) {
    threads.emplace_back([&] { right += sample.store.get(key_of(7, 64))->size_bytes() == 64 ? 1 : 0; });
  }
  threads.clear();
  CHECK(right == 16);
  CHECK(sample.blobs.decoded < 4);  // one, unless a thread started later than the decoding took
}

TEST_CASE("one failure reaches all that wait for it") {
  Sample sample(10);
  sample.blobs.delay = std::chrono::milliseconds(50);
  sample.blobs.is_damaged = true;
  std::atomic<int> failed{0};
  std::vector<std::jthread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      try {
        (void)sample.store.get(key_of(7));
      } catch (const Error& error) {
        failed += error.code() == Errc::damaged ? 1 : 0;
      }
    });
  }
  threads.clear();
  CHECK(failed == 8);
}

TEST_CASE("pages that are made ahead are decoded together, and then hot") {
  Sample sample(100);
  std::vector<HotKey> keys;
  const auto byte = [](unsigned number) { return static_cast<std::uint8_t>(number); };
  for (unsigned i = 0; i < 8; ++i) {
    keys.push_back({{digest_of(byte(2 * i)), digest_of(byte(2 * i + 1))}, 2, 100U + i});
  }
  (void)sample.store.get(keys[3]);
  keys.push_back(keys[0]);  // twice
  sample.store.prefetch(keys);
  CHECK(sample.blobs.largest_group == 14);
  CHECK(sample.blobs.decoded == 16);
  for (unsigned i = 0; i < 8; ++i) {
    CHECK(sample.store.has(keys[i]));
    const std::vector<std::byte> bytes = bytes_of(sample.store.get(keys[i]));
    REQUIRE(bytes.size() == 2 * (100U + i));
    CHECK(std::count(bytes.begin(), bytes.begin() + 100 + i, std::byte{byte(2 * i)}) == 100 + i);
    CHECK(std::count(bytes.begin() + 100 + i, bytes.end(), std::byte{byte(2 * i + 1)}) == 100 + i);
  }
  sample.store.prefetch(keys);
  sample.store.trim();
  CHECK(sample.blobs.decoded == 16);
}

TEST_CASE("one page that can't be made ahead harms no other") {
  Sample sample(100);
  sample.blobs.damaged = std::byte{2};
  const std::vector<HotKey> keys = {key_of(1), {{digest_of(5), digest_of(2)}, 2, kBlock}, key_of(3)};
  sample.store.prefetch(keys);
  CHECK(sample.store.has(keys[0]));
  CHECK_FALSE(sample.store.has(keys[1]));
  CHECK(holds(sample.store.get(keys[2]), 3));
  CHECK_THROWS_AS((void)sample.store.get(keys[1]), Error);
  sample.blobs.damaged = std::byte{0xFF};
  CHECK(sample.store.get(keys[1])->size_bytes() == 2 * kBlock);
}

TEST_CASE("who opens a page that is being made ahead waits for it") {
  Sample sample(100);
  sample.blobs.delay = std::chrono::milliseconds(100);
  const std::vector<HotKey> keys = {key_of(1), key_of(2), key_of(3)};
  std::jthread ahead([&] { sample.store.prefetch(keys); });
  while (sample.blobs.decoded == 0) std::this_thread::yield();
  CHECK(holds(sample.store.get(keys[2]), 3));
  ahead.join();
  CHECK(sample.blobs.decoded == 3);
}

TEST_CASE("who waits for a page that can't be made ahead is told why") {
  Sample sample(100);
  sample.blobs.delay = std::chrono::milliseconds(100);
  sample.blobs.damaged = std::byte{3};
  const std::vector<HotKey> keys = {key_of(1), key_of(2), key_of(3)};
  std::jthread ahead([&] { sample.store.prefetch(keys); });
  while (sample.blobs.decoded == 0) std::this_thread::yield();
  try {
    (void)sample.store.get(keys[2]);
    FAIL("read");
  } catch (const Error& error) {
    CHECK(error.code() == Errc::damaged);
  }
  ahead.join();
  CHECK(sample.blobs.decoded == 3);
}

TEST_CASE("a backing that is full costs a line in the log and no read") {
  const CountingStore blobs;
  FullBacking full;
  std::vector<std::string> lines;
  Log log([&](std::string_view line) { lines.emplace_back(line); });
  HotStore store(blobs, full, {100 * kBlock, 10}, log);
  CHECK(holds(store.get(key_of(1)), 1));
  CHECK(holds(store.get(key_of(2)), 2));
  REQUIRE(lines.size() == 1);
  CHECK(lines[0].find("full") != std::string::npos);
}

TEST_CASE("threads that read at random never get wrong bytes, nor exceed the limit") {
  Sample sample(5);
  std::atomic<int> wrong{0};
  std::vector<std::jthread> threads;
  for (unsigned t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (unsigned i = 0; i < 2000; ++i) {
        const auto byte = static_cast<std::uint8_t>((i * 7 + t * 13) % 11);
        std::byte found{};
        const auto next = static_cast<std::uint8_t>((byte + 1) % 11);
        if (i % 5 == 0) sample.store.prefetch(std::vector{key_of(byte), key_of(next), key_of(12)});
        const HotFilePtr file = sample.store.get(key_of(byte));
        if (!read_at(file->fd(), i % kBlock, std::span(&found, 1)) || found != std::byte{byte}) ++wrong;
        if (sample.store.held_bytes() > 5 * kBlock) ++wrong;
      }
    });
  }
  threads.clear();
  CHECK(wrong == 0);
}
