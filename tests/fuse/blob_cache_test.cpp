#include "fuse/blob_cache.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "pfcache/error.hpp"
#include "samples.hpp"

using namespace pfcache;
using namespace pfcache::fuse;
using pfcache::fuse::test::digest_of;

namespace {

// Has a blob of `size` times its first byte for every digest and size, and counts how often one was decoded.
class CountingStore final : public BlobStore {
 public:
  std::unique_ptr<BlobBatch> begin_batch() override { return nullptr; }
  void get_into(const Digest& digest, std::span<std::byte> out) const override {
    ++decoded;
    if (delay.count() > 0) std::this_thread::sleep_for(delay);
    if (is_damaged) throw Error(Errc::damaged, "blob");
    std::fill(out.begin(), out.end(), digest.bytes()[0]);
  }
  std::vector<std::byte> get(const Digest& /*digest*/, std::uint64_t /*limit_bytes*/) const override { return {}; }
  std::optional<BlobInfo> find(const Digest& /*digest*/) const override { return std::nullopt; }
  void for_each(const std::function<void(const Digest&, const BlobInfo&)>& /*visit*/) const override {}
  bool remove(const Digest& /*digest*/) override { return false; }

  mutable std::atomic<int> decoded{0};
  std::atomic<bool> is_damaged{false};
  std::chrono::milliseconds delay{0};
};

}  // namespace

TEST_CASE("a blob is decoded once and then kept") {
  const CountingStore store;
  BlobCache cache(store, 1000);
  const BlobPtr first = cache.get(digest_of(5), 100);
  CHECK(first->bytes().size() == 100);
  CHECK(first->bytes()[99] == std::byte{5});
  CHECK(cache.get(digest_of(5), 100) == first);
  CHECK(store.decoded == 1);
  CHECK(cache.held_bytes() == 100);
}

TEST_CASE("the least recently used goes first when the limit is reached") {
  const CountingStore store;
  constexpr std::uint8_t kOneToThree[] = {1, 2, 3};
  constexpr std::uint8_t kWithoutTwo[] = {1, 3, 4};
  BlobCache cache(store, 300);
  for (const std::uint8_t i : kOneToThree) (void)cache.get(digest_of(i), 100);
  (void)cache.get(digest_of(1), 100);
  (void)cache.get(digest_of(4), 100);  // takes the place of 2
  CHECK(cache.held_bytes() == 300);
  CHECK(store.decoded == 4);
  for (const std::uint8_t i : kWithoutTwo) (void)cache.get(digest_of(i), 100);
  CHECK(store.decoded == 4);
  (void)cache.get(digest_of(2), 100);
  CHECK(store.decoded == 5);
}

TEST_CASE("a blob larger than the limit is given, not kept, and evicts nothing") {
  const CountingStore store;
  BlobCache cache(store, 300);
  (void)cache.get(digest_of(1), 300);
  CHECK(cache.get(digest_of(2), 301)->bytes().size() == 301);
  CHECK(cache.held_bytes() == 300);
  (void)cache.get(digest_of(1), 300);
  CHECK(store.decoded == 2);
}

TEST_CASE("a blob in use survives its eviction") {
  const CountingStore store;
  BlobCache cache(store, 100);
  const BlobPtr first = cache.get(digest_of(1), 100);
  (void)cache.get(digest_of(2), 100);
  CHECK(first->bytes()[50] == std::byte{1});
}

TEST_CASE("an empty blob is a blob") {
  const CountingStore store;
  BlobCache cache(store, 0);
  CHECK(cache.get(digest_of(1), 0)->bytes().empty());
}

TEST_CASE("a failure is told and not kept") {
  CountingStore store;
  BlobCache cache(store, 1000);
  store.is_damaged = true;
  CHECK_THROWS_AS((void)cache.get(digest_of(1), 10), Error);
  CHECK_THROWS_AS((void)cache.get(digest_of(1), 10), Error);
  CHECK(cache.held_bytes() == 0);
  store.is_damaged = false;
  CHECK(cache.get(digest_of(1), 10)->bytes().size() == 10);
}

TEST_CASE("many that want one blob at once wait for one decoding") {
  CountingStore store;
  store.delay = std::chrono::milliseconds(100);
  BlobCache cache(store, 0);  // nothing is kept, so that only the waiting can make it one
  std::vector<std::jthread> threads;
  std::atomic<int> right{0};
  for (int i = 0; i < 16; ++i) {
    threads.emplace_back([&] { right += cache.get(digest_of(7), 64)->bytes()[63] == std::byte{7} ? 1 : 0; });
  }
  threads.clear();
  CHECK(right == 16);
  CHECK(store.decoded < 4);  // one, unless a thread started later than the decoding took
}

TEST_CASE("one failure reaches all that wait for it") {
  CountingStore store;
  store.delay = std::chrono::milliseconds(50);
  store.is_damaged = true;
  BlobCache cache(store, 1000);
  std::atomic<int> failed{0};
  std::vector<std::jthread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      try {
        (void)cache.get(digest_of(7), 64);
      } catch (const Error& error) {
        failed += error.code() == Errc::damaged ? 1 : 0;
      }
    });
  }
  threads.clear();
  CHECK(failed == 8);
}

TEST_CASE("threads that read at random never get wrong bytes, nor exceed the limit") {
  const CountingStore store;
  BlobCache cache(store, 500);
  std::atomic<int> wrong{0};
  std::vector<std::jthread> threads;
  for (unsigned t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (unsigned i = 0; i < 5000; ++i) {
        const auto byte = static_cast<std::uint8_t>((i * 7 + t * 13) % 11);
        const BlobPtr blob = cache.get(digest_of(byte), 100);
        if (blob->bytes()[i % 100] != std::byte{byte} || cache.held_bytes() > 500) ++wrong;
      }
    });
  }
  threads.clear();
  CHECK(wrong == 0);
}
