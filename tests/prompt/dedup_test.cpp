// Payloads that are kept as chunks.
#include <doctest/doctest.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <functional>
#include <thread>
#include <utility>

#include "base/bytes.hpp"
#include "base/directory.hpp"
#include "pfcache/fs_blob_store.hpp"
#include "pfcache/mem_blob_store.hpp"
#include "pfcache/sha256.hpp"
#include "prompt/locks.hpp"
#include "prompt/prompt_support.hpp"
#include "prompt/recipe.hpp"
#include "support/failure.hpp"
#include "support/temp_dir.hpp"

namespace pfcache::test {
namespace {

namespace fs = std::filesystem;

DiskKvCacheOptions dedup_in(BlobStore& blobs) {
  DiskKvCacheOptions options = options_at();
  options.blobs = &blobs;
  options.dedup = true;
  return options;
}

std::string session(int tokens) {
  return slurp(std::string(TEST_DATA_DIR) + "/llama-session-" + std::to_string(tokens) + ".bin");
}

/// Chunks and recipes.
std::uint64_t stored_bytes(const FsBlobStore& blobs, const DiskKvCache& cache) {
  std::uint64_t bytes = blobs.physical_bytes();
  for (const auto& entry : cache.list().entries) bytes += entry.file_bytes;
  return bytes;
}

/// The whole file that an entry stands for, read in pieces that end within its parts.
std::string whole_of(const LoadedPrompt& prompt, std::size_t piece_bytes = 7) {
  std::string bytes(prompt.whole_bytes(), '\0');
  for (std::size_t at = 0; at < bytes.size(); at += piece_bytes) {
    const auto piece = std::as_writable_bytes(std::span(bytes)).subspan(at);
    prompt.read_whole(at, piece.first(std::min(piece.size(), piece_bytes)));
  }
  return bytes;
}

/// The golden prompt, kept as chunks.
struct GoldenRecipe {
  TempDir dir;
  MemBlobStore blobs;
  DiskKvCache cache{dir.path(), kBudget, dedup_in(blobs)};
  PromptKey key = cache.save(golden_prompt(), as_bytes(kGoldenPayload)).info.name.key;
};

}  // namespace

TEST_CASE("payloads come back byte for byte from their chunks, whole and in parts") {
  const TempDir dir;
  MemBlobStore blobs;
  DiskKvCache cache(dir.path(), kBudget, dedup_in(blobs));
  for (const std::size_t size : {0U, 1U, 4096U, 65536U, 65537U, 5'000'000U}) {
    CAPTURE(size);
    const std::string payload = payload_of(size, size);
    const std::string text = "text " + std::to_string(size);
    PromptSave prompt = golden_prompt();
    prompt.text = text;
    prompt.trailer = as_bytes("KTM");
    const auto saved = cache.save(prompt, as_bytes(payload));
    CHECK(saved.info.name.form == PromptForm::recipe);
    auto loaded = cache.load(saved.info.name.key);
    REQUIRE(loaded);
    CHECK(loaded->is_verified());
    CHECK(loaded->text() == text);
    CHECK(as_text(loaded->payload()) == payload);
    CHECK(as_text(loaded->trailer()) == "KTM");
    CHECK(cache.find(saved.info.name.key)->header.hit_count == 6);
    if (size < 1000) continue;
    std::string part(size / 2, '\0');
    loaded->read_payload(size / 3, std::as_writable_bytes(std::span(part)));
    CHECK(part == payload.substr(size / 3, size / 2));
  }
}

TEST_CASE("a recipe is nothing that a reader of KVC files takes for one") {
  const TempDir dir;
  MemBlobStore blobs;
  DiskKvCache cache(dir.path(), kBudget, dedup_in(blobs));
  const auto saved = cache.save(golden_prompt(), as_bytes(kGoldenPayload));
  CHECK(names_in(dir.path()) == std::vector<std::string>{kGoldenKey + ".kvd"});
  CHECK(slurp(dir.path() / (kGoldenKey + ".kvd")).substr(0, 4) == "KVD\x01");
  fs::rename(dir.path() / (kGoldenKey + ".kvd"), dir.path() / (kGoldenKey + ".kv"));
  CHECK(failure_of([&] { std::ignore = cache.load(saved.info.name.key); }).code == Errc::malformed);
}

TEST_CASE_FIXTURE(GoldenRecipe, "a recipe is made the whole file that it stands for") {
  const std::string golden = from_hex_text(kGoldenHex);
  CHECK(whole_of(*cache.load(key, {.touch = false})) == golden);
  CHECK(cache.make_whole(key));
  CHECK(names_in(dir.path()) == std::vector<std::string>{kGoldenKey + ".kv"});
  CHECK(slurp(dir.path() / (kGoldenKey + ".kv")) == golden);
  CHECK(cache.load(key)->is_verified());
  CHECK_FALSE(cache.make_whole(key));
}

/// Does something once, just before a call.
struct Meanwhile final : FileOps {
  std::function<void()> before_sync;
  std::function<void()> before_second_open;

  int fsync(int fd) override {
    if (const auto work = std::exchange(before_sync, nullptr)) work();
    return FileOps::fsync(fd);
  }
  int open(int dir_fd, const char* name, int flags, mode_t mode) override {
    if (++opens == 2 && before_second_open) before_second_open();
    return FileOps::open(dir_fd, name, flags, mode);
  }

  int opens = 0;
};

TEST_CASE_FIXTURE(GoldenRecipe, "an entry that is made whole while it is looked for is found") {
  Meanwhile ops;
  const DiskKvCache other(Directory::open(dir.path(), ops), kBudget, dedup_in(blobs));
  ops.before_second_open = [&] { cache.make_whole(key); };  // the whole file was looked for, the recipe not yet
  CHECK(other.load(key));
  CHECK(ops.opens == 3);
  CHECK(names_in(dir.path()) == std::vector<std::string>{kGoldenKey + ".kv"});
}

TEST_CASE_FIXTURE(GoldenRecipe, "a recipe that is replaced or removed while it is decoded is not put over what came") {
  Meanwhile ops;
  DiskKvCache other(Directory::open(dir.path(), ops), kBudget, dedup_in(blobs));
  DiskKvCache whole(dir.path(), kBudget, options_at());
  std::string expected = "newer";
  SUBCASE("by a recipe") {
    ops.before_sync = [&] { cache.save(golden_prompt(), as_bytes("newer")); };
  }
  SUBCASE("by a whole file") {
    ops.before_sync = [&] { whole.save(golden_prompt(), as_bytes("newer")); };
  }
  SUBCASE("removed") {
    ops.before_sync = [&] { cache.remove(key); };
    expected = "-";
  }
  CHECK(failure_of([&] { other.make_whole(key); }).code == std::error_code(ESTALE, std::generic_category()));
  auto loaded = cache.load(key);
  CHECK((loaded ? std::string(as_text(loaded->payload())) : "-") == expected);
  CHECK(names_in(dir.path()).size() == (expected == "-" ? 0 : 1));
}

TEST_CASE("a recipe's chunks have lengths that chunks can have, before memory is taken for them") {
  const PromptKey key = DiskKvCache::key_for("a text");
  for (const std::uint32_t size : {std::uint32_t{0}, std::uint32_t{(64 << 10) + 1}, ~std::uint32_t{0}}) {
    const std::array chunks{RecipeChunk{sha256(as_bytes("a chunk")), size}};
    const auto bytes = encode_recipe(key, chunks);
    CHECK(failure_of([&] { std::ignore = decode_recipe(key, size, bytes, "r"); }).code == Errc::malformed);
  }
}

TEST_CASE_FIXTURE(GoldenRecipe, "a recipe whose payload is longer than its chunks can be is none, and not charged") {
  const fs::path file = dir.path() / (kGoldenKey + ".kvd");
  std::string bytes = slurp(file);
  bytes[47] = '\x80';  // the highest byte of the payload's length
  spew(file, bytes);
  DiskKvCache opened(dir.path(), kBudget, dedup_in(blobs));
  CHECK(opened.total_bytes() == 0);
  CHECK(opened.list().unreadable.size() == 1);
  CHECK(failure_of([&] { std::ignore = opened.find(key); }).code == Errc::malformed);
}

TEST_CASE("threads read one entry at once, from anywhere in it") {
  const TempDir dir;
  MemBlobStore blobs;
  DiskKvCache cache(dir.path(), kBudget, dedup_in(blobs));
  const std::string payload = payload_of(2'000'000, 3);
  const auto prompt = *cache.load(save(cache, "text", payload).info.name.key);
  std::atomic<int> wrong = 0;
  std::vector<std::jthread> readers;
  for (std::size_t reader = 0; reader < 4; ++reader) {
    readers.emplace_back([&, reader] {
      std::string piece(50'001 + reader, '\0');
      for (std::size_t at = 7777 * reader; at + piece.size() <= payload.size(); at += piece.size()) {
        prompt.read_payload(at, std::as_writable_bytes(std::span(piece)));
        if (piece != std::string_view(payload).substr(at, piece.size())) ++wrong;
      }
    });
  }
  readers.clear();
  CHECK(wrong == 0);
}

TEST_CASE_FIXTURE(
    GoldenRecipe,
    "a recipe takes writes to the header and behind the payload as the whole file would, and stays a recipe") {
  std::string expected = from_hex_text(kGoldenHex);
  const auto open = [&] { return *cache.load(key, {.touch = false, .writable = true}); };
  auto writer = open();
  const auto reader = open();
  const auto write = [&](std::size_t offset, std::string_view bytes) {
    if (!writer.write_whole(offset, as_bytes(bytes))) return false;
    expected.resize(std::max(expected.size(), offset + bytes.size()));
    expected.replace(offset, bytes.size(), bytes);
    return true;
  };
  const auto resize = [&](std::size_t size) {
    if (!writer.resize_whole(size)) return false;
    expected.resize(size);
    return true;
  };
  const std::size_t end = expected.size();
  std::string header = expected.substr(0, 52);
  header.replace(12, 4, std::string("\x07\0\0\0", 4)).replace(32, 2, "us");
  CHECK(write(0, header));
  CHECK(write(4, "\x04\x02"));
  CHECK(write(2, expected.substr(2, 2)));
  CHECK(write(end, "KTM a trailer"));
  CHECK(write(end + 4, "another"));
  CHECK(resize(end + 3));
  CHECK(write(end + 5, "later"));
  CHECK(resize(end));
  CHECK(resize(end + 2));
  CHECK(resize(end));
  CHECK(write(end, "KTM"));
  CHECK(whole_of(writer) == expected);
  CHECK(whole_of(reader) == expected);
  CHECK(whole_of(open(), 1000) == expected);
  CHECK(cache.find(key)->header.hit_count == 7);
  CHECK(names_in(dir.path()) == std::vector<std::string>{kGoldenKey + ".kvd"});
  CHECK(cache.load(key)->is_verified());
  CHECK(cache.find(key)->header.hit_count == 8);
}

TEST_CASE_FIXTURE(GoldenRecipe,
                  "what is written to a header is not taken back by a hit that is counted at the same time") {
  const auto other = *cache.load(key, {.touch = false, .writable = true});
  std::atomic<bool> is_done = false;
  std::thread hitting([&] {
    while (!is_done) touch_prompt(system_file_ops(), other.fd(), kNow);
  });
  auto writer = *cache.load(key, {.touch = false, .writable = true});
  int taken_back = 0;
  for (std::uint32_t ctx = 1; ctx <= 10'000; ++ctx) {
    std::array<std::byte, 4> bytes{};
    store_le(ctx, std::span<std::byte>(bytes));
    writer.write_whole(16, bytes);
    if (cache.find(key)->header.ctx_size != ctx) ++taken_back;
  }
  is_done = true;
  hitting.join();
  CHECK(taken_back == 0);
}

TEST_CASE_FIXTURE(
    GoldenRecipe,
    "bytes that a recipe hasn't itself, its magic and its lengths take a whole file, and nothing is written") {
  const fs::path file = dir.path() / (kGoldenKey + ".kvd");
  const std::string before = slurp(file);
  const std::string golden = from_hex_text(kGoldenHex);
  auto writer = *cache.load(key, {.touch = false, .writable = true});
  struct Write {
    std::size_t offset;
    std::string bytes;
  };
  const std::vector<Write> refused = {{0, "KVX"},
                                      {3, "\x02"},
                                      {40, "\x1d"},
                                      {48, "\x18"},
                                      {0, golden.substr(0, 53)},
                                      {52, golden.substr(52, 1)},
                                      {golden.size() - 1, "sX"},
                                      {~std::size_t{0}, "x"}};
  for (const Write& write : refused) {
    CAPTURE(write.offset);
    const auto bytes = as_bytes(write.bytes);
    if (write.offset < golden.size()) {
      CHECK_FALSE(writer.write_whole(write.offset, bytes));
    } else {
      CHECK(failure_of([&] { writer.write_whole(write.offset, bytes); }).code == Errc::too_large);
    }
  }
  CHECK_FALSE(writer.resize_whole(golden.size() - 1));
  const auto too_long = golden.size() + kMaxPromptTrailerBytes + 1;
  CHECK(failure_of([&] { writer.resize_whole(too_long); }).code == Errc::too_large);
  CHECK(failure_of([&] { writer.write_whole(too_long - 1, as_bytes("x")); }).code == Errc::too_large);
  CHECK(slurp(file) == before);
}

TEST_CASE("four nested checkpoints take hardly more than the longest") {
  const TempDir dir;
  FsBlobStore blobs(dir.path(), EncodingPolicy::raw);
  DiskKvCache cache(dir.path() / "prompt", kBudget, dedup_in(blobs));
  const std::string longest = payload_of(std::size_t{8} << 20, 5);
  for (const std::size_t part : {4U, 3U, 2U, 1U}) {
    save(cache, "checkpoint " + std::to_string(part), std::string_view(longest).substr(0, longest.size() / part));
  }
  CHECK(stored_bytes(blobs, cache) <= longest.size() * 11 / 10);
  CHECK(payload_of(cache, "checkpoint 1") == longest);
}

TEST_CASE("three saves of one real conversation take hardly more than the last") {
  const TempDir dir;
  FsBlobStore blobs(dir.path(), EncodingPolicy::raw);
  DiskKvCache cache(dir.path() / "prompt", kBudget, dedup_in(blobs));
  for (const int tokens : {399, 799, 1199}) {
    const std::string payload = session(tokens);
    save(cache, std::to_string(tokens), payload);
    CHECK(payload_of(cache, std::to_string(tokens)) == payload);
  }
  CHECK(stored_bytes(blobs, cache) <= session(1199).size() * 11 / 10);
}

TEST_CASE("whichever form was saved last is the one there is, and both are found") {
  const TempDir dir;
  MemBlobStore blobs;
  DiskKvCache recipes(dir.path(), kBudget, dedup_in(blobs));
  DiskKvCacheOptions options = options_at();
  options.blobs = &blobs;
  DiskKvCache wholes(dir.path(), kBudget, options);
  const auto key = save(recipes, "text", "one").info.name.key;
  CHECK(payload_of(wholes, "text") == "one");
  save(wholes, "text", "two");
  CHECK(names_in(dir.path()) == std::vector<std::string>{key.hex() + ".kv"});
  CHECK(payload_of(recipes, "text") == "two");
  save(recipes, "text", "three");
  CHECK(names_in(dir.path()) == std::vector<std::string>{key.hex() + ".kvd"});
  CHECK(wholes.find_longest("text and more")->name.form == PromptForm::recipe);
  DiskKvCache without(dir.path(), kBudget);
  CHECK(failure_of([&] { std::ignore = payload_of(without, "text"); }).code == Errc::unsupported);
}

TEST_CASE("a clean-up learns every chunk that is needed, and nothing at all from a damaged recipe") {
  const TempDir dir;
  MemBlobStore blobs;
  const auto roots = [&] {
    std::vector<Digest> found;
    for_each_prompt_chunk(dir.path() / "prompt", [&](const Digest& digest) { found.push_back(digest); });
    return found;
  };
  CHECK(roots().empty());
  DiskKvCache cache(dir.path() / "prompt", kBudget, dedup_in(blobs));
  const auto key = save(cache, "text", payload_of(500'000, 1)).info.name.key;
  const auto found = roots();
  std::size_t stored = 0;
  blobs.for_each([&](const Digest& digest, const BlobInfo&) {
    ++stored;
    CHECK(std::find(found.begin(), found.end(), digest) != found.end());
  });
  CHECK(found.size() == stored);

  const fs::path path = dir.path() / "prompt" / (key.hex() + ".kvd");
  const std::string good = slurp(path);
  for (std::size_t at = 56; at < good.size(); at += 7) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 4);
    spew(path, bad);
    CHECK_THROWS_AS(roots(), Error);
    CHECK_THROWS_AS(std::ignore = cache.load(key), Error);
  }
  spew(path, good);
  blobs.remove(found.at(3));
  auto loaded = cache.load(key);
  CHECK(failure_of([&] { std::ignore = loaded->payload(); }).code == Errc::damaged);
}

TEST_CASE("a recipe is charged as if nothing shared its payload") {
  const TempDir dir;
  MemBlobStore blobs;
  DiskKvCache cache(dir.path(), kBudget, dedup_in(blobs));
  const std::string payload(30 << 20, 'p');
  save(cache, "a", payload);
  save(cache, "b", payload);
  CHECK(save(cache, "c", payload).evicted_entries == 1);
  CHECK(failure_of([&] { save(cache, "d", std::string(65 << 20, 'p')); }).code == Errc::too_large);
}

}  // namespace pfcache::test
