#include <doctest/doctest.h>
#include <sys/file.h>

#include <algorithm>
#include <set>

#include "pfcache/capture.hpp"
#include "pfcache/check.hpp"
#include "pfcache/engine_file.hpp"
#include "support/failure.hpp"
#include "upkeep/upkeep_support.hpp"

namespace pfcache::test {
namespace {

namespace fs = std::filesystem;

/// A store with one snapshot.
struct Fixture : StoreDir {
  Digest snapshot = capture_sealed(store, 1).digest;
  PageManifest manifest = store.manifest(snapshot);

  [[nodiscard]] VerifyReport check() const { return check_store(store, whole()); }
  VerifyReport repair(std::vector<const Store*> sources = {}) {
    return repair_store(store, whole(), {2, {}, std::move(sources)});
  }
  [[nodiscard]] CheckScope whole() const { return {store.catalog().snapshots(), true}; }

  PromptKey save_chunked(std::string_view text, std::span<const std::byte> payload) {
    return save_chunked_prompt(path, store.blobs(), payload, text);
  }

  [[nodiscard]] std::set<Digest> chunks() const {
    std::set<Digest> found;
    for_each_prompt_chunk(path / "prompt", [&](const Digest& chunk) { found.insert(chunk); });
    return found;
  }

  /// Puts another encoding of a blob beside the one that is there.
  [[nodiscard]] fs::path add_raw(const Digest& digest) const {
    const fs::path file = blob_path(path, digest, ".raw");
    write_bytes(file, store.blobs().get(digest));
    return file;
  }
};

/// Another store with the same snapshot.
struct Backup : StoreDir {
  Backup() { capture_sealed(store, 1); }
};

bool speaks_of(const std::vector<std::string>& lines, std::string_view text) {
  return std::ranges::any_of(lines, [&](const std::string& line) { return line.find(text) != std::string::npos; });
}

}  // namespace

TEST_CASE_FIXTURE(Fixture, "a store without damage needs no repair, and a check writes nothing") {
  const auto before = tree_of(path);
  CHECK(check().damage.empty());
  CHECK(tree_of(path) == before);
  const VerifyReport report = repair();
  CHECK(report.damage.empty());
  CHECK(report.mended.empty());
  CHECK(report.snapshots == 1);
  CHECK(report.blobs == 7);
}

TEST_CASE_FIXTURE(Fixture, "a damaged encoding beside an intact one is found, whichever it is, and mended by that") {
  for (const Digest& digest : {manifest.pages[0].k, snapshot}) {
    for (const bool is_raw_damaged : {true, false}) {
      const fs::path other = only_file_of(path, digest);
      const Bytes good = read_bytes(other);
      const fs::path raw = add_raw(digest);
      damage_file(is_raw_damaged ? raw : other);
      const VerifyReport found = check();
      REQUIRE(found.damage.size() == 1);
      CHECK(speaks_of(found.damage, (is_raw_damaged ? raw : other).native()));
      const VerifyReport report = repair();
      CHECK(report.damage.empty());
      REQUIRE(report.mended.size() == 1);
      CHECK(speaks_of(report.mended, digest.hex()));
      CHECK(speaks_of(report.mended, "from another encoding"));
      CHECK(check().damage.empty());
      CHECK(read_bytes(raw) == store.blobs().get(digest));
      CHECK(read_bytes(other) == good);
      fs::remove(raw);
    }
  }
}

TEST_CASE_FIXTURE(Fixture, "what has no intact copy stays as it is, until it is captured again") {
  const fs::path file = only_file_of(path, manifest.pages[1].v);
  damage_file(file);
  const Bytes damaged = read_bytes(file);
  const VerifyReport report = repair();
  CHECK(report.damage.size() == 1);
  CHECK(report.mended.empty());
  CHECK(read_bytes(file) == damaged);
  capture_sealed(store, 1);
  CHECK(check().damage.empty());
}

TEST_CASE_FIXTURE(Fixture, "what is damaged or missing comes from another store: manifests, and then their pages") {
  const Backup backup;
  fs::remove(only_file_of(path, snapshot));
  damage_file(only_file_of(path, manifest.pages[0].k));
  fs::remove(only_file_of(path, manifest.pages[2].v));
  CHECK(check().damage.size() == 1);  // without the manifest nobody knows of the pages
  const VerifyReport report = repair({&backup.store});
  CHECK(report.damage.empty());
  CHECK(report.mended.size() == 3);
  CHECK(speaks_of(report.mended, "from " + backup.path.native()));
  CHECK(check().damage.empty());
  CHECK(count_temp_files(path) == 0);
}

TEST_CASE_FIXTURE(Fixture, "a source that is damaged itself is no help, and another is asked") {
  const Backup bad;
  damage_file(only_file_of(bad.path, manifest.pages[0].k));
  damage_file(only_file_of(path, manifest.pages[0].k));
  CHECK(repair({&bad.store}).damage.size() == 1);
  const Backup good;
  CHECK(repair({&bad.store, &good.store}).damage.empty());
}

TEST_CASE_FIXTURE(Fixture, "a whole blob of another size than the geometry has is not mended: the manifest is wrong") {
  manifest.meta.page_size_tokens *= 2;
  const std::string json = manifest.to_json();
  const Digest stretched = store.blobs().put(as_bytes(json)).digest;
  store.catalog().seal(stretched, {});
  const Backup backup;
  const VerifyReport report = repair_store(store, {{stretched}, false}, {1, {}, {&backup.store}});
  CHECK(report.damage.size() == 6);
  CHECK(report.mended.empty());
}

TEST_CASE_FIXTURE(Fixture, "a seal that can't be read is written anew, and pins the snapshot") {
  const fs::path seal = path / "snapshots" / snapshot.hex();
  for (const std::string_view text : {"", "{", "{}"}) {
    write_bytes(seal, as_bytes(text));
    CHECK(speaks_of(check().damage, "seal of snapshot " + snapshot.hex()));
    const VerifyReport report = repair();
    CHECK(report.damage.empty());
    CHECK(report.mended.size() == 1);
    const auto record = store.catalog().find(snapshot);
    REQUIRE(record);
    CHECK(record->pinned);
    CHECK(record->pages == 3);
    CHECK(record->logical_bytes == 3 * 2 * kSmall.page_bytes());
    CHECK(check().damage.empty());
  }
}

TEST_CASE_FIXTURE(Fixture, "a seal stays as it is when its manifest can't be read either") {
  const fs::path seal = path / "snapshots" / snapshot.hex();
  write_bytes(seal, as_bytes("{"));
  damage_file(only_file_of(path, snapshot));
  CHECK(repair().damage.size() == 2);
  CHECK(read_bytes(seal).size() == 1);
}

TEST_CASE_FIXTURE(Fixture, "names that lead nowhere are problems, and names that can't be read are damage") {
  store.catalog().set_ref("good", snapshot);
  const std::string absent = Digest().hex() + "\n";
  write_bytes(path / "refs" / "nowhere", as_bytes(absent));
  write_bytes(path / "refs" / "broken", as_bytes("?"));
  const VerifyReport report = repair();
  CHECK(report.damage.size() == 1);
  CHECK(speaks_of(report.damage, "the name broken"));
  CHECK(report.problems.size() == 1);
  CHECK(speaks_of(report.problems, "the name nowhere"));
  // Who asks for some snapshots does not ask for names.
  CHECK(check_store(store, {{snapshot}, false}).damage.empty());
}

TEST_CASE_FIXTURE(Fixture, "the bytes around an engine file's pages are mended too, and its snapshot is missed") {
  const std::string session = std::string(TEST_DATA_DIR) + "/llama-session-399.bin";
  const FileRecord record = capture_engine_file(session, store, "s").record;
  StoreDir backup;
  static_cast<void>(capture_engine_file(session, backup.store, "s"));
  damage_file(only_file_of(path, record.surroundings));
  CHECK(speaks_of(check().damage, "engine file s"));
  CHECK(repair({&backup.store}).mended.size() == 1);
  CHECK(check().damage.empty());
  store.catalog().remove(record.snapshot);
  CHECK(speaks_of(check().damage, "engine file s: its snapshot"));
}

TEST_CASE_FIXTURE(Fixture, "the chunks of prompts are checked and mended, whoever else needs them") {
  const Digest page = manifest.pages[0].k;
  const Bytes payload = random_bytes(300'000, 1);
  const Bytes shared = store.blobs().get(page);
  const PromptKey one = save_chunked("one", payload);
  const PromptKey other = save_chunked("other", payload);
  const PromptKey third = save_chunked("third", shared);
  const StoreDir backup;
  fs::copy(path, backup.path, fs::copy_options::recursive | fs::copy_options::overwrite_existing);
  const std::uint64_t blobs = check().blobs;
  CHECK(check().prompts == 3);
  CHECK(blobs > 7 + 300'000 / 65'536);
  std::size_t damaged = 0;
  for (const Digest& chunk : chunks()) {
    if (chunk == page) continue;
    if (damaged++ % 2 == 0) {
      damage_file(only_file_of(path, chunk));
    } else {
      fs::remove(only_file_of(path, chunk));
    }
  }
  const VerifyReport found = check();
  CHECK(found.damage.size() == damaged);
  CHECK((speaks_of(found.damage, "prompt " + one.hex()) || speaks_of(found.damage, "prompt " + other.hex())));
  CHECK_FALSE(speaks_of(found.damage, third.hex()));
  CHECK(repair().damage.size() == damaged);
  const Store source = Store::open(backup.path);
  CHECK(repair({&source}).mended.size() == damaged);
  CHECK(check().damage.empty());
  CHECK(check().blobs == blobs);
  // Who asks for some snapshots does not ask for prompts.
  CHECK(check_store(store, {{snapshot}, false}).blobs == 7);
}

TEST_CASE_FIXTURE(Fixture, "a recipe that can't be read is named and stays as it is, and others are checked") {
  const PromptKey bad = save_chunked("bad", random_bytes(100'000, 2));
  const Bytes payload = random_bytes(200'000, 3);
  save_chunked("good", payload);
  const fs::path file = path / "prompt" / (bad.hex() + ".kvd");
  const Bytes whole = read_bytes(file);
  for (const std::size_t at : {0U, 53U, 70U}) {  // the magic, the text, the list
    Bytes bytes = whole;
    bytes.at(at) ^= std::byte{1};
    write_bytes(file, bytes);
    const VerifyReport report = repair();
    REQUIRE(report.damage.size() == 1);
    CHECK(speaks_of(report.damage, "prompt " + bad.hex()));
    CHECK(report.prompts == 2);
    CHECK(report.bytes > payload.size());
    CHECK(read_bytes(file) == bytes);
  }
  write_bytes(file, whole);
  CHECK(check().damage.empty());
}

TEST_CASE_FIXTURE(Fixture, "old temp files are told by a check and removed by a repair; young ones stay") {
  const fs::path shard = only_file_of(path, snapshot).parent_path();
  for (const fs::path& directory : {shard, path / "snapshots"}) {
    for (const char* name : {".tmp-1-old", ".tmp-2-young"}) write_bytes(directory / name, as_bytes("four"));
    make_old(directory / ".tmp-1-old");
  }
  const VerifyReport found = check();
  CHECK(found.temp_files == 2);
  CHECK(found.temp_bytes == 8);
  CHECK(count_temp_files(path) == 4);
  CHECK(repair().temp_files == 2);
  CHECK(count_temp_files(path) == 2);
  CHECK(check().temp_files == 0);
}

TEST_CASE_FIXTURE(Fixture, "a request to stop ends a repair") {
  std::stop_source source;
  source.request_stop();
  const auto interrupted = [&] { repair_store(store, whole(), {1, source.get_token(), {}}); };
  CHECK(failure_of(interrupted).code == Errc::interrupted);
}

}  // namespace pfcache::test
