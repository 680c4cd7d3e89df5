// Three saves of one growing conversation, written by the real engine.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <filesystem>
#include <set>

#include "engine/state_builder.hpp"
#include "pfcache/engine_file.hpp"
#include "support/temp_dir.hpp"

namespace pfcache {
namespace {

namespace fs = std::filesystem;

fs::path session(int tokens) { return fs::path(TEST_DATA_DIR) / fmt::format("llama-session-{}.bin", tokens); }

// The plain bytes of every distinct blob of a store, manifests and surroundings included.
std::uint64_t plain_bytes(const Store& store) {
  std::set<Digest> seen;
  std::uint64_t sum = 0;
  store.blobs().for_each([&](const Digest& digest, const BlobInfo& /*info*/) {
    if (seen.insert(digest).second) sum += store.blobs().get(digest).size();
  });
  return sum;
}

TEST_CASE("real sessions come back byte for byte") {
  const test::TempDir dir;
  Store store = Store::init(dir.path() / "store");
  for (const int tokens : {399, 799, 1199}) {
    const EngineCapture capture = capture_engine_file(session(tokens), store);
    CHECK(capture.snapshot.pages == static_cast<std::uint64_t>(tokens + 15) / 16);
    CHECK(store.manifest(capture.snapshot.digest).meta == CacheMeta{16, 4, 1, 128, DType::f16});
    const fs::path restored = dir.path() / fmt::format("{}.bin", tokens);
    restore_engine_file(store, capture.record, restored);
    CHECK(test::read_file(restored) == test::read_file(session(tokens)));
  }
}

TEST_CASE("nested sessions store little more than the longest alone") {
  const test::TempDir dir;
  Store all = Store::init(dir.path() / "all");
  Store longest = Store::init(dir.path() / "longest");
  std::uint64_t file_bytes = 0;
  for (const int tokens : {399, 799, 1199}) {
    capture_engine_file(session(tokens), all);
    file_bytes += fs::file_size(session(tokens));
  }
  capture_engine_file(session(1199), longest);

  // Ideal: the longest file holds all that the others do.
  const auto longest_file_bytes = static_cast<double>(fs::file_size(session(1199)));
  const double ideal = static_cast<double>(file_bytes) / longest_file_bytes;
  const double reached = static_cast<double>(file_bytes) / static_cast<double>(plain_bytes(all));
  const double on_disk =
      static_cast<double>(longest.blobs().physical_bytes()) / static_cast<double>(all.blobs().physical_bytes());
  MESSAGE(
      fmt::format("plain bytes: {:.3f}x of an ideal {:.3f}x = {:.1f} %; on disk: {} bytes where the longest alone "
                  "takes {} = {:.1f} %",
                  reached, ideal, 100 * reached / ideal, all.blobs().physical_bytes(), longest.blobs().physical_bytes(),
                  100 * on_disk));
  CHECK(reached >= 0.95 * ideal);
  CHECK(on_disk >= 0.95);
}

TEST_CASE("the full pages of a session are the pages of the longer one") {
  const test::TempDir dir;
  Store store = Store::init(dir.path() / "store");
  const auto shorter = store.manifest(capture_engine_file(session(799), store).snapshot.digest);
  const auto longer = store.manifest(capture_engine_file(session(1199), store).snapshot.digest);
  REQUIRE(shorter.pages.size() == 50);
  for (std::size_t ix = 0; ix + 1 < shorter.pages.size(); ++ix) CHECK(shorter.pages[ix] == longer.pages[ix]);
  CHECK(shorter.pages.back() != longer.pages[shorter.pages.size() - 1]);
  CHECK(shorter.logical_seqs.front().fill_in_last_page == 799 % 16);
}

}  // namespace
}  // namespace pfcache
