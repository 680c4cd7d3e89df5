// Payloads that are kept as chunks.
#include <doctest/doctest.h>

#include "base/bytes.hpp"
#include "pfcache/fs_blob_store.hpp"
#include "pfcache/mem_blob_store.hpp"
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

TEST_CASE("a recipe is made the whole file that it stands for") {
  const TempDir dir;
  MemBlobStore blobs;
  DiskKvCache cache(dir.path(), kBudget, dedup_in(blobs));
  const auto name = cache.save(golden_prompt(), as_bytes(kGoldenPayload)).info.name;
  const std::string golden = from_hex_text(kGoldenHex);
  CHECK(as_text(cache.load(name.key, {.touch = false})->whole_head()) == golden.substr(0, 52 + 23));
  CHECK(cache.make_whole(name.key));
  CHECK(names_in(dir.path()) == std::vector<std::string>{kGoldenKey + ".kv"});
  CHECK(slurp(dir.path() / (kGoldenKey + ".kv")) == golden);
  CHECK(cache.load(name.key)->is_verified());
  CHECK_FALSE(cache.make_whole(name.key));
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
