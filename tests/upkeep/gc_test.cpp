#include "pfcache/gc.hpp"

#include <doctest/doctest.h>
#include <sys/file.h>
#include <sys/mman.h>

#include <algorithm>
#include <fstream>
#include <thread>

#include "cas/samples.hpp"
#include "pfcache/disk_kv_cache.hpp"
#include "pfcache/engine_file.hpp"
#include "pfcache/staging_entries.hpp"
#include "support/failure.hpp"
#include "upkeep/upkeep_support.hpp"

namespace pfcache::test {
namespace {

namespace fs = std::filesystem;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::size_t kBlobsOfSnapshot = 7;  // of capture_sealed: K and V of three pages, and the manifest

GcReport collect(Store& store, seconds grace = seconds(0)) {
  GcOptions options;
  options.grace = grace;
  return collect_garbage(store, options);
}

/// Runs a collector that must refuse, and must not change anything before it does.
Failure refusal(StoreDir& at) {
  const auto before = tree_of(at.path);
  const Failure failure = failure_of([&] { collect(at.store); });
  CHECK(tree_of(at.path) == before);
  return failure;
}

fs::path write_manifest(const StoreDir& at, const std::string& staging_name, const std::string& json) {
  const fs::path directory = at.path / "staging" / staging_name;
  write_bytes(directory / "manifest.json", bytes_of(json));
  return directory;
}

}  // namespace

TEST_CASE("the chunks of a prompt stay until the prompt goes") {
  StoreDir at;
  const std::vector<std::byte> payload = random_bytes(200'000, 7);
  const auto key = save_chunked_prompt(at.path, at.store.blobs(), payload);
  const std::size_t chunks = count_blobs(at.store);
  REQUIRE(chunks > 4);
  CHECK(collect(at.store).blobs_removed == 0);
  {
    DiskKvCache cache(at.path / "prompt", kMinPromptBudgetBytes, {.blobs = &at.store.blobs()});
    auto loaded = cache.load(key);
    REQUIRE(loaded);
    CHECK(std::ranges::equal(loaded->payload(), payload));
    CHECK(cache.remove(key));
  }
  CHECK(collect(at.store).blobs_removed == chunks);
}

TEST_CASE("a recipe that can't be read stops it") {
  StoreDir at;
  save_chunked_prompt(at.path, at.store.blobs(), std::vector<std::byte>(100'000, std::byte{3}));
  for (const auto& entry : fs::directory_iterator(at.path / "prompt")) fs::resize_file(entry.path(), 60);
  const Failure failure = refusal(at);
  CHECK(failure.what.find("a prompt needs") != std::string::npos);
  CHECK(failure.what.find(".kvd") != std::string::npos);
}

TEST_CASE("what a removed snapshot alone needed goes, and what others need stays") {
  StoreDir at;
  const CaptureResult kept = capture_sealed(at.store, 1);
  const CaptureResult removed = capture_sealed(at.store, 2);
  capture_sealed(at.store, 3);
  at.store.catalog().set_ref("kept", kept.digest);
  const std::uint64_t before = at.store.blobs().physical_bytes();
  CHECK(collect(at.store).blobs_removed == 0);
  at.store.catalog().remove(removed.digest);
  const GcReport report = collect(at.store);
  CHECK(report.snapshots == 2);
  CHECK(report.blobs_needed == 2 * kBlobsOfSnapshot);
  CHECK(report.blobs_removed == kBlobsOfSnapshot);
  CHECK(report.bytes_removed == before - at.store.blobs().physical_bytes());
  CHECK_FALSE(at.store.blobs().contains(removed.digest));
  CHECK(count_blobs(at.store) == 2 * kBlobsOfSnapshot);
  require_all_whole(at.store);
}

TEST_CASE("pages that a removed snapshot shares stay") {
  StoreDir at;
  const CaptureResult longer = capture_sealed(at.store, 1, kSmall, 5);
  const CaptureResult shorter = capture_sealed(at.store, 1, kSmall, 3);
  at.store.catalog().remove(longer.digest);
  CHECK(collect(at.store).blobs_removed == 2 * 2 + 1);
  require_all_whole(at.store);
  CHECK(at.store.has_snapshot(shorter.digest));
}

TEST_CASE("the grace period keeps what is younger, and a put begins it anew") {
  StoreDir at;
  const Bytes blob = random_bytes(100, 1);
  const Digest old = at.store.blobs().put(blob).digest;
  const Digest again = at.store.blobs().put(random_bytes(100, 2)).digest;
  const Digest young = at.store.blobs().put(random_bytes(100, 3)).digest;
  make_old(only_file_of(at.path, old), 2);
  make_old(only_file_of(at.path, again), 2);
  CHECK_FALSE(at.store.blobs().put(random_bytes(100, 2)).added);
  const GcReport report = collect(at.store, hours(1));
  CHECK(report.blobs_removed == 1);
  CHECK(report.blobs_young == 2);
  CHECK(report.bytes_young == 200);
  CHECK_FALSE(at.store.blobs().contains(old));
  CHECK(at.store.blobs().contains(again));
  CHECK(at.store.blobs().contains(young));
}

TEST_CASE("temp files that killed writers left go once they are old, wherever they are") {
  StoreDir at;
  capture_sealed(at.store, 1);
  at.store.catalog().set_ref("name", at.store.catalog().snapshots().front());
  fs::create_directories(at.path / "files");
  const fs::path shard = fs::directory_iterator(at.path / "blobs" / "sha256")->path();
  for (const fs::path& directory : {shard, at.path / "snapshots", at.path / "refs", at.path / "files", at.path}) {
    write_bytes(directory / ".tmp-0123456789abcdef", bytes_of("left"));
    write_bytes(directory / ".tmp-fedcba9876543210", bytes_of("young"));
    make_old(directory / ".tmp-0123456789abcdef");
  }
  write_bytes(shard / "somebody's", bytes_of("not ours"));
  make_old(shard / "somebody's");
  const GcReport report = collect(at.store, hours(1));
  CHECK(report.temp_files_removed == 5);
  CHECK(report.temp_bytes_removed == 20);
  CHECK(count_temp_files(at.path) == 5);
  CHECK(fs::exists(shard / "somebody's"));
  require_all_whole(at.store);
}

TEST_CASE("a dry run changes nothing, makes no lock, and says what would go") {
  StoreDir at;
  capture_sealed(at.store, 1);
  const CaptureResult removed = capture_sealed(at.store, 2);
  at.store.catalog().remove(removed.digest);
  make_old(write_manifest(at, "new/forgotten", "{}"));
  fs::remove(at.path / "lock");
  const auto before = tree_of(at.path);
  GcOptions options;
  options.grace = seconds(0);
  options.dry_run = true;
  const GcReport dry = collect_garbage(at.store, options);
  CHECK(tree_of(at.path) == before);
  const GcReport wet = collect(at.store);
  CHECK(dry.blobs_removed == wet.blobs_removed);
  CHECK(dry.bytes_removed == wet.bytes_removed);
  CHECK(dry.staging_removed == wet.staging_removed);
  CHECK(dry.staging_bytes_removed == wet.staging_bytes_removed);
  CHECK(wet.staging_removed == std::vector<std::string>{"new/forgotten"});
}

TEST_CASE("a manifest, name or record that can't be read ends it before anything goes") {
  StoreDir at;
  const CaptureResult whole = capture_sealed(at.store, 1);
  const CaptureResult removed = capture_sealed(at.store, 2);
  at.store.catalog().remove(removed.digest);
  SUBCASE("a damaged manifest") {
    damage_file(only_file_of(at.path, whole.digest));
    const Failure failure = refusal(at);
    CHECK(failure.code == Errc::damaged);
    CHECK(failure.what.find(whole.digest.hex()) != std::string::npos);
  }
  SUBCASE("a missing manifest") {
    fs::remove(only_file_of(at.path, whole.digest));
    const Failure failure = refusal(at);
    CHECK(failure.code == Errc::damaged);
    CHECK(failure.what.find(whole.digest.hex()) != std::string::npos);
  }
  SUBCASE("a sealed blob that is no manifest") {
    const Digest odd = at.store.blobs().put(bytes_of("{}")).digest;
    at.store.catalog().seal(odd, {});
    CHECK(refusal(at).what.find(odd.hex()) != std::string::npos);
  }
  SUBCASE("a damaged name") {
    write_bytes(at.path / "refs" / "chat", bytes_of("nonsense"));
    const Failure failure = refusal(at);
    CHECK(failure.code == Errc::malformed);
    CHECK(failure.what.find("chat") != std::string::npos);
  }
  SUBCASE("a directory that is called like a name") {
    fs::create_directories(at.path / "refs" / "chat");
    CHECK(refusal(at).code == Errc::malformed);
  }
  SUBCASE("a damaged record") {
    write_bytes(at.path / "files" / "session.json", bytes_of("{"));
    const Failure failure = refusal(at);
    CHECK(failure.code == Errc::malformed);
    CHECK(failure.what.find("session.json") != std::string::npos);
  }
  SUBCASE("a record of a later version") {
    write_bytes(at.path / "files" / "session.json", bytes_of(R"({"format_version":2})"));
    CHECK(refusal(at).code == Errc::unsupported);
  }
}

TEST_CASE("an engine file's surroundings and pages stay, also when only its record needs them") {
  StoreDir at;
  const fs::path session = fs::path(TEST_DATA_DIR) / "llama-session-399.bin";
  const EngineCapture capture = capture_engine_file(session, at.store);
  at.store.catalog().remove(capture.snapshot.digest);  // the record is left alone
  CHECK(collect(at.store).blobs_removed == 0);
  restore_engine_file(at.store, capture.record, at.dir.path() / "again.bin");
  CHECK(read_bytes(at.dir.path() / "again.bin") == read_bytes(session));
  remove_file_record(at.store, capture.record.name);
  collect(at.store);
  CHECK(count_blobs(at.store) == 0);
}

TEST_CASE(
    "a name keeps the manifest it leads to though that is not sealed, and one that leads nowhere is no obstacle") {
  StoreDir at;
  const CaptureResult named = capture_sealed(at.store, 1);
  at.store.catalog().set_ref("chat", named.digest);
  at.store.catalog().remove(named.digest);
  CHECK(collect(at.store).blobs_removed == 0);
  const CaptureResult gone = capture_sealed(at.store, 2);
  at.store.catalog().set_ref("chat", gone.digest);
  at.store.catalog().remove(gone.digest);
  fs::remove(only_file_of(at.path, gone.digest));
  collect(at.store);
  CHECK(count_blobs(at.store) == 0);
}

TEST_CASE("what a staging manifest lists stays while its directory does") {
  StoreDir at;
  const CaptureResult arriving = capture_sealed(at.store, 1);
  const std::string json = at.store.manifest_bytes(arriving.digest);
  at.store.catalog().remove(arriving.digest);
  const fs::path directory = write_manifest(at, "snap/" + arriving.digest.hex(), json);
  make_old(directory, 23);
  CHECK(collect(at.store).blobs_removed == 0);
  write_manifest(at, "new/draft", R"({"layout":"paged-batchinvariant-v1",)");  // half of one needs nothing
  CHECK(collect(at.store).staging_removed.empty());
  make_old(directory, 25);
  const GcReport report = collect(at.store);
  CHECK(report.staging_removed == std::vector<std::string>{"snap/" + arriving.digest.hex()});
  CHECK(report.staging_bytes_removed == json.size());
  CHECK(report.blobs_removed == kBlobsOfSnapshot);
  CHECK_FALSE(fs::exists(directory));
  CHECK(fs::exists(at.path / "staging" / "new" / "draft"));
}

TEST_CASE("a staging directory that somebody uses, or touched anywhere in it, is not old") {
  StoreDir at;
  const CaptureResult arriving = capture_sealed(at.store, 1);
  const std::string json = at.store.manifest_bytes(arriving.digest);
  at.store.catalog().remove(arriving.digest);
  const fs::path directory = write_manifest(at, "new/used", json);
  write_bytes(directory / "pages" / "0000", random_bytes(10, 1));
  make_old(at.path / "staging");
  SUBCASE("used") {
    const Directory used = Directory::open(directory);
    REQUIRE(::flock(used.fd(), LOCK_SH) == 0);
    CHECK(collect(at.store).staging_removed.empty());
  }
  SUBCASE("touched") {
    fs::last_write_time(directory / "pages" / "0000", fs::file_time_type::clock::now());
    CHECK(collect(at.store).staging_removed.empty());
  }
  CHECK(fs::exists(directory / "manifest.json"));
  CHECK(count_blobs(at.store) == kBlobsOfSnapshot - 1);  // nor are the pages that it lists
}

TEST_CASE("links in a staging directory are removed and not followed") {
  StoreDir at;
  write_bytes(at.dir.path() / "mine" / "precious", bytes_of("precious"));
  const fs::path directory = write_manifest(at, "new/old", "{}");
  fs::create_directory_symlink(at.dir.path() / "mine", directory / "link");
  fs::create_directory_symlink(at.dir.path() / "mine", at.path / "staging" / "new" / "link");
  fs::last_write_time(directory / "manifest.json", fs::file_time_type::clock::now() - hours(48));
  GcOptions options;
  options.grace = seconds(0);
  std::ofstream(at.path / "config.toml", std::ios::app) << "staging_keep = \"0s\"\n";
  Store store = Store::open(at.path);
  CHECK(store.staging_keep() == seconds(0));
  make_old(at.path / "staging" / "new" / "old" / "manifest.json");
  std::this_thread::sleep_for(milliseconds(2100));  // links can't be made old from here
  CHECK(collect_garbage(store, options).staging_removed == std::vector<std::string>{"new/old"});
  CHECK(fs::exists(at.dir.path() / "mine" / "precious"));
  CHECK_FALSE(fs::exists(directory));
}

TEST_CASE("staging directories are listed with what is in them") {
  StoreDir at;
  CHECK(list_staging(at.store).empty());
  write_bytes(at.path / "staging" / "new" / "chat" / "pages" / "0000", random_bytes(1000, 1));
  write_manifest(at, "new/chat", "{}");
  write_manifest(at, "snap/abc", "{ }");
  make_old(at.path / "staging" / "snap", 3);
  const auto entries = list_staging(at.store);
  REQUIRE(entries.size() == 2);
  CHECK(entries[0].name == "new/chat");
  CHECK(entries[0].files == 2);
  CHECK(entries[0].bytes == 1002);
  CHECK(entries[1].name == "snap/abc");
  CHECK(entries[0].touched_unix_secs - entries[1].touched_unix_secs >= 3 * 3600 - 60);
}

TEST_CASE("in a store that pf-core may write, manifests without a seal are snapshots") {
  for (const char* kind : {"foreign", "adopted by auto", "pf-core"}) {
    CAPTURE(kind);
    StoreDir at(Profile::pf_core);
    const CaptureResult unsealed = capture_sealed(at.store, 1);
    at.store.catalog().remove(unsealed.digest);
    const Digest garbage = at.store.blobs().put(random_bytes(500, 1)).digest;
    if (kind != std::string("pf-core")) fs::remove(at.path / "config.toml");
    if (kind == std::string("adopted by auto")) Store::init(at.path, Profile::automatic);
    Store store = Store::open(at.path);
    CHECK(store.may_hold_unsealed_snapshots());
    GcOptions options;
    options.grace = seconds(0);
    CHECK(collect_garbage(store, options).blobs_removed == 1);
    CHECK_FALSE(store.blobs().contains(garbage));
    CHECK(verify_snapshots(store, {unsealed.digest}).damage.empty());
    options.unsealed = true;
    CHECK(collect_garbage(store, options).blobs_removed == kBlobsOfSnapshot);
  }
}

TEST_CASE("in such a store a blob that can't be read may be a manifest, and ends it") {
  StoreDir at(Profile::pf_core);
  capture_sealed(at.store, 1);
  const Digest unknown = at.store.blobs().put(compressible_bytes(500, 1)).digest;
  damage_file(only_file_of(at.path, unknown));
  const Failure failure = refusal(at);
  CHECK(failure.code == Errc::damaged);
  CHECK(failure.what.find(unknown.hex()) != std::string::npos);
  GcOptions options;
  options.grace = seconds(0);
  options.unsealed = true;
  CHECK(collect_garbage(at.store, options).blobs_removed == 1);
  require_all_whole(at.store);
}

TEST_CASE("what is open or mapped stays readable when it is removed") {
  StoreDir at;
  const Bytes blob = random_bytes(8192, 1);
  const Digest digest = at.store.blobs().put(blob).digest;
  const Directory shard = Directory::open(only_file_of(at.path, digest).parent_path());
  const auto fd = shard.find_file(digest.hex() + ".raw");
  REQUIRE(fd.has_value());
  void* const map = ::mmap(nullptr, blob.size(), PROT_READ, MAP_SHARED, fd->get(), 0);
  REQUIRE(map != MAP_FAILED);
  CHECK(collect(at.store).blobs_removed == 1);
  CHECK_FALSE(at.store.blobs().contains(digest));
  CHECK(std::ranges::equal(blob, std::span(static_cast<const std::byte*>(map), blob.size())));
  ::munmap(map, blob.size());
}

TEST_CASE("writers who don't end make it busy, and a request to stop ends its waiting") {
  StoreDir at;
  at.store.blobs().put(random_bytes(100, 1));
  const WriterLease lease = at.store.lease();
  GcOptions options;
  options.grace = seconds(0);
  options.wait = milliseconds(50);
  CHECK(failure_of([&] { collect_garbage(at.store, options); }).code == Errc::busy);
  CHECK(count_blobs(at.store) == 1);
  std::stop_source source;
  options.wait = std::chrono::minutes(5);
  options.stop = source.get_token();
  const std::jthread stopper([&] {
    std::this_thread::sleep_for(milliseconds(50));
    source.request_stop();
  });
  CHECK(failure_of([&] { collect_garbage(at.store, options); }).code == Errc::interrupted);
}

}  // namespace pfcache::test
