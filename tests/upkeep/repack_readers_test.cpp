// Readers and writers of a store whose encodings change under them.
#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <thread>
#include <vector>

#include "pfcache/inspect.hpp"
#include "pfcache/repack.hpp"
#include "upkeep/upkeep_support.hpp"

namespace pfcache::test {
namespace {

constexpr int kFlips = 60;

/// Reads everything once, in all the ways there are. Throws what goes wrong.
void read_everything(const Store& store) {
  for (const Digest& snapshot : store.catalog().snapshots()) {
    const PageManifest manifest = store.manifest(snapshot);
    std::vector<Bytes> room(2 * manifest.pages.size(), Bytes(manifest.meta.page_bytes()));
    std::vector<GetRequest> requests;
    for (std::size_t i = 0; i < manifest.pages.size(); ++i) {
      requests.push_back({manifest.pages[i].k, room[2 * i], {}});
      requests.push_back({manifest.pages[i].v, room[2 * i + 1], {}});
      store.blobs().get_into(manifest.pages[i].k, room[0]);
      if (!store.blobs().contains(manifest.pages[i].v)) throw std::runtime_error("a blob was not found");
    }
    store.blobs().get_all(requests);
  }
}

pid_t read_in_child(const std::filesystem::path& path, int turns) {
  const pid_t child = ::fork();
  if (child != 0) return child;
  try {
    const Store store = Store::open(path);
    for (int turn = 0; turn < turns; ++turn) read_everything(store);
    ::_exit(0);
  } catch (...) {
    ::_exit(1);
  }
}

}  // namespace

TEST_CASE("readers in threads and processes, and a writer, notice nothing of encodings that change all the time") {
  StoreDir at;
  for (const std::uint64_t seed : {1U, 2U, 3U}) capture_sealed(at.store, seed);
  const pid_t child = read_in_child(at.path, 300);
  REQUIRE(child > 0);
  std::atomic<bool> is_over = false;
  std::atomic<int> failures = 0;
  std::atomic<int> reads = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 2; ++i) {
      threads.emplace_back([&] {
        const Store store = Store::open(at.path);
        while (!is_over) {
          try {
            read_everything(store);
            ++reads;
          } catch (const std::exception&) {
            ++failures;
          }
        }
      });
    }
    threads.emplace_back([&] {
      Store store = Store::open(at.path);
      while (!is_over) capture_sealed(store, 2);  // the same again
    });
    for (int flip = 0; flip < kFlips; ++flip) {
      const RepackReport report =
          repack_store(at.store, {flip % 2 == 0 ? EncodingPolicy::raw : EncodingPolicy::zstd_19, 1, {}});
      REQUIRE(report.damage.empty());
    }
    is_over = true;
  }
  int status = 1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
  CHECK(failures == 0);
  CHECK(reads > 0);
  CHECK(verify_snapshots(at.store, at.store.catalog().snapshots()).damage.empty());
}

}  // namespace pfcache::test
