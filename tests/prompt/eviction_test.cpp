#include "prompt/eviction.hpp"

#include <doctest/doctest.h>
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <thread>

#include "base/bytes.hpp"
#include "base/directory.hpp"
#include "pfcache/mem_blob_store.hpp"
#include "prompt/prompt_support.hpp"
#include "support/failure.hpp"
#include "support/temp_dir.hpp"

namespace pfcache::test {
namespace {

constexpr std::uint64_t kHour = 3600;
constexpr std::size_t kMiB = std::size_t{1} << 20;

double score(std::uint32_t hits, std::uint64_t age_secs) {
  PromptInfo info;
  info.header.token_count = 1000;
  info.header.hit_count = hits;
  info.header.last_used_unix_secs = kNow - age_secs;
  info.file_bytes = 1'000'000;
  return value_score(info, kNow);
}

PromptHeader header(std::uint32_t tokens, std::uint32_t hits, std::uint64_t last_used, std::uint64_t created = 0) {
  PromptHeader h;
  h.token_count = tokens;
  h.hit_count = hits;
  h.last_used_unix_secs = last_used;
  h.created_unix_secs = created;
  return h;
}

std::vector<std::string> stored(const DiskKvCache& cache, const std::vector<std::string>& texts) {
  std::vector<std::string> found;
  for (const std::string& text : texts) {
    if (cache.find(DiskKvCache::key_for(text))) found.push_back(text);
  }
  return found;
}

/// A stream of zeros whose length nobody knows before its end.
class ZeroSource {
 public:
  explicit ZeroSource(std::uint64_t size_bytes) {
    std::array<int, 2> ends{};
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) == 0);
    reading_ = UniqueFd(ends[0]);
    sender_ = std::thread([this, size_bytes, writing = UniqueFd(ends[1])] {
      const std::vector<char> zeros(kMiB);
      while (sent_bytes_ < size_bytes) {
        const ssize_t sent = ::send(writing.get(), zeros.data(), zeros.size(), MSG_NOSIGNAL);
        if (sent <= 0) return;
        sent_bytes_ += static_cast<std::uint64_t>(sent);
      }
    });
  }
  ZeroSource(const ZeroSource&) = delete;
  ZeroSource& operator=(const ZeroSource&) = delete;
  ~ZeroSource() {
    reading_.reset();
    sender_.join();
  }
  [[nodiscard]] int fd() const { return reading_.get(); }
  [[nodiscard]] std::uint64_t sent_bytes() const { return sent_bytes_; }

 private:
  UniqueFd reading_;
  std::atomic<std::uint64_t> sent_bytes_ = 0;
  std::thread sender_;
};

/// Counts what is written, on a disk that may be full.
class CountingOps final : public FileOps {
 public:
  explicit CountingOps(bool is_full = false) : is_full_(is_full) {}
  ssize_t write(int fd, const void* bytes, size_t size_bytes) override {
    written_bytes += size_bytes;
    return FileOps::write(fd, bytes, size_bytes);
  }
  int allocate(int fd, off_t size_bytes) override {
    if (!is_full_) return FileOps::allocate(fd, size_bytes);
    errno = ENOSPC;
    return -1;
  }
  std::uint64_t written_bytes = 0;

 private:
  bool is_full_;
};

}  // namespace

TEST_CASE("scores are ds4's") {
  CHECK(score(0, 0) == doctest::Approx(0.001).epsilon(1e-12));
  CHECK(score(1, 0) == doctest::Approx(0.002).epsilon(1e-12));
  CHECK(score(4, 6 * kHour) == doctest::Approx(0.003).epsilon(1e-12));
  CHECK(score(4, 12 * kHour) == doctest::Approx(0.002).epsilon(1e-12));
  CHECK(score(1, 42 * kHour) == 0.001);  // below 0.01 a hit counts for nothing
}

TEST_CASE("an age is that since the last use, or else since the making, and none in the future") {
  PromptInfo info;
  info.file_bytes = 1'000'000;
  info.header = header(1000, 4, 0, kNow - 6 * kHour);
  CHECK(value_score(info, kNow) == doctest::Approx(0.003));
  info.header = header(1000, 4, kNow + 100 * kHour);
  CHECK(value_score(info, kNow) == doctest::Approx(0.005));
}

TEST_CASE("of equals the older goes first") {
  EvictionQueue queue(EvictionPolicy::value, kNow);
  for (const std::uint64_t used : {kNow - 50, kNow - 70, kNow - 60}) {
    PromptInfo info;
    info.file_bytes = 10;
    info.header = header(10, 0, used);
    queue.add(info);
  }
  queue.order();
  CHECK(queue.pop().header.last_used_unix_secs == kNow - 70);
  CHECK(queue.pop().header.last_used_unix_secs == kNow - 60);
  CHECK(queue.pop().header.last_used_unix_secs == kNow - 50);
  CHECK(queue.empty());
}

TEST_CASE("a save evicts what is worth least until all fit, and never itself") {
  const TempDir dir;
  DiskKvCache cache(dir.path(), kBudget, options_at());
  const std::string payload(20 * kMiB, 'p');
  save(cache, "poor", payload, header(10, 0, kNow - 10));
  save(cache, "rich", payload, header(1000, 0, kNow - 90));
  save(cache, "used", payload, header(10, 9, kNow - 50));
  const auto result = save(cache, "new", payload, header(1, 0, kNow - 99));
  CHECK(result.evicted_entries == 1);
  CHECK(result.evicted_bytes == payload.size() + 52 + 4);
  CHECK(stored(cache, {"poor", "rich", "used", "new"}) == std::vector<std::string>{"rich", "used", "new"});
  CHECK(cache.total_bytes() <= kBudget);
}

TEST_CASE("with lru what was not used for longest goes first, and a load is a use") {
  const TempDir dir;
  DiskKvCache cache(dir.path(), kBudget, options_at(kNow, EvictionPolicy::lru));
  const std::string payload(20 * kMiB, 'p');
  save(cache, "a", payload, header(1, 0, kNow - 90));
  save(cache, "b", payload, header(1000, 9, kNow - 80));
  save(cache, "c", payload, header(1, 0, kNow - 70));
  REQUIRE(cache.load(DiskKvCache::key_for("a"), {.verify = false}));
  save(cache, "d", payload);
  CHECK(stored(cache, {"a", "b", "c", "d"}) == std::vector<std::string>{"a", "c", "d"});
}

TEST_CASE("replacing an entry evicts nothing for its old bytes") {
  const TempDir dir;
  DiskKvCache cache(dir.path(), kBudget, options_at());
  const std::string payload(30 * kMiB, 'p');
  save(cache, "a", payload);
  save(cache, "b", payload);
  CHECK(save(cache, "b", payload).evicted_entries == 0);
  CHECK(stored(cache, {"a", "b"}).size() == 2);
}

TEST_CASE("what can never fit is refused and disturbs nothing") {
  const TempDir dir;
  DiskKvCache cache(dir.path(), kBudget, options_at());
  save(cache, "a", "small");
  const std::string payload(kBudget - 51, 'p');
  CHECK(failure_of([&] { save(cache, "", payload); }).code == Errc::too_large);
  CHECK(names_in(dir.path()).size() == 1);
  CHECK(payload_of(cache, "a") == "small");
}

TEST_CASE("what can never fit, and what the disk has no room for, is refused before any of it is written") {
  const TempDir dir;
  const std::string payload(kBudget + 1, 'p');
  CountingOps ops;
  DiskKvCache cache(Directory::open(dir.path(), ops), kBudget);
  CHECK(failure_of([&] { save(cache, "t", payload); }).code == Errc::too_large);
  CHECK(ops.written_bytes == 0);
  CountingOps full_ops(true);
  DiskKvCache full(Directory::open(dir.path(), full_ops), kBudget);
  CHECK(failure_of([&] { save(full, "t", "payload"); }).code == std::errc::no_space_on_device);
  CHECK(full_ops.written_bytes == 0);
  CHECK(names_in(dir.path()).empty());
}

TEST_CASE("a payload of unknown size is written no further than it can fit") {
  for (const bool dedup : {false, true}) {
    CAPTURE(dedup);
    const TempDir dir;
    CountingOps ops;
    MemBlobStore blobs;
    DiskKvCacheOptions options = options_at();
    options.blobs = &blobs;
    options.dedup = dedup;
    DiskKvCache cache(Directory::open(dir.path(), ops), kBudget, options);
    // It has an end, so that a test that fails doesn't fill the disk.
    ZeroSource zeros(2 * kBudget);
    CHECK(failure_of([&] { cache.save({.text = "t", .header = {}}, zeros.fd()); }).code == Errc::too_large);
    CHECK(zeros.sent_bytes() < kBudget + 16 * kMiB);
    CHECK(ops.written_bytes <= kBudget);
    CHECK(names_in(dir.path()).empty());
  }
}

TEST_CASE("a budget is at least 64 MiB") {
  const TempDir dir;
  CHECK(failure_of([&] { DiskKvCache(dir.path(), kBudget - 1); }).code == Errc::invalid_argument);
}

TEST_CASE("a directory that is over a smaller budget is evicted down to it") {
  const TempDir dir;
  {
    DiskKvCache big(dir.path(), 4 * kBudget, options_at());
    for (const char* text : {"1", "2", "3", "4", "5", "6"}) save(big, text, std::string(20 * kMiB, 'p'));
  }
  DiskKvCache cache(dir.path(), kBudget, options_at());
  CHECK(cache.evict_to_budget().entries == 3);
  CHECK(cache.total_bytes() <= kBudget);
  CHECK(names_in(dir.path()).size() == 3);
}

TEST_CASE("an entry that grew above the budget goes, and takes no other with it") {
  for (const EvictionPolicy policy : {EvictionPolicy::lru, EvictionPolicy::value}) {
    const TempDir dir;
    DiskKvCache cache(dir.path(), kBudget, options_at(kNow, policy));
    for (const char* text : {"a", "b"}) save(cache, text, "payload", header(10, 0, kNow - 50));
    save(cache, "grown", "payload", header(1'000'000, 9, kNow));
    std::filesystem::resize_file(cache.path_for(DiskKvCache::key_for("grown")), 16 * kBudget);
    CHECK(save(cache, "new", "payload", header(1, 0, kNow)).evicted_entries == 1);
    CHECK(stored(cache, {"a", "b", "grown", "new"}) == std::vector<std::string>{"a", "b", "new"});
  }
}

}  // namespace pfcache::test
