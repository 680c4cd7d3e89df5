#include "pfcache/store.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <thread>

#include "base/bytes.hpp"
#include "base/directory.hpp"
#include "pfcache/capture.hpp"
#include "pfcache/restore.hpp"
#include "snapshot/snapshot_support.hpp"
#include "snapshot/store_config.hpp"
#include "support/temp_dir.hpp"

namespace pfcache::test {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kG2 = "530ae64d7190faf6861dff4d3fe22268b5440d9524ef82e4df7756464bb20e8b";

struct Fixture {
  TempDir dir;
  fs::path path = dir.path() / "store";

  /// The store of vector G2 that pf-core wrote, at `path`.
  void unpack_pf_core_store() const {
    fs::create_directory(path);
    const std::string command = "tar -xzf '" TEST_DATA_DIR "/pf-core-store-g2.tar.gz' -C '" + path.native() + "'";
    REQUIRE(std::system(command.c_str()) == 0);  // NOLINT(concurrency-mt-unsafe)
    if (!fs::exists(path / "blobs")) {
      const fs::path inner = fs::directory_iterator(path)->path();
      fs::rename(inner, dir.path() / "inner");
      fs::remove(path);
      fs::rename(dir.path() / "inner", path);
    }
    REQUIRE(fs::exists(path / "blobs" / "sha256"));
  }
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "init makes a directory a store, and open opens it") {
  const Store made = Store::init(path);
  CHECK(made.profile() == Profile::automatic);
  CHECK(read_text(path / "config.toml") == "format = 1\n");
  CHECK(names_in(path) == std::vector<std::string>{"config.toml", "lock"});
  const Store opened = Store::open(path);
  CHECK(opened.profile() == Profile::automatic);
  CHECK_FALSE(opened.is_foreign());
  CHECK(opened.path() == path);
}

TEST_CASE_FIXTURE(Fixture, "the profile is written down when it isn't the default, and kept") {
  CHECK(Store::init(path, Profile::pf_core).profile() == Profile::pf_core);
  CHECK(read_text(path / "config.toml") == "format = 1\nprofile = \"pf-core\"\n");
  CHECK(Store::open(path).profile() == Profile::pf_core);
  CHECK(Store::init(path).profile() == Profile::pf_core);
  CHECK(Store::init(path, Profile::pf_core).profile() == Profile::pf_core);
  CHECK(failure_of([&] { Store::init(path, Profile::automatic); }).code == Errc::already_exists);
}

TEST_CASE_FIXTURE(Fixture, "init takes an empty directory, a trailing slash, and what an interrupted init left") {
  fs::create_directory(path);
  write_text(path / "lock", "");
  write_text(path / ".tmp-0123456789abcdef", "for");
  Store::init(path.native() + "/");
  CHECK(fs::exists(path / "config.toml"));
  Store::init((dir.path() / "other").native() + "/");
  CHECK(fs::exists(dir.path() / "other" / "config.toml"));
}

TEST_CASE_FIXTURE(Fixture, "init leaves other directories and files as they are") {
  fs::create_directory(path);
  write_text(path / "precious", "x");
  const auto failure = failure_of([&] { Store::init(path); });
  CHECK(failure.code == Errc::invalid_argument);
  CHECK(names(failure, "precious"));
  CHECK(names_in(path) == std::vector<std::string>{"precious"});
  CHECK(failure_of([&] { Store::init(path / "precious"); }).code == Errc::not_found);
  CHECK(failure_of([&] { Store::init(dir.path() / "a" / "b"); }).code == Errc::not_found);
}

TEST_CASE_FIXTURE(Fixture, "what is not a store is not found, and the message says what was looked for") {
  auto failure = failure_of([&] { Store::open(path); });
  CHECK(failure.code == Errc::not_found);
  CHECK(names(failure, path.native()));
  fs::create_directory(path);
  failure = failure_of([&] { Store::open(path); });
  CHECK(failure.code == Errc::not_found);
  CHECK(names(failure, "config.toml"));
  CHECK(names(failure, "blobs/sha256"));
  CHECK(names(failure, "pfcache init"));
  CHECK(names_in(path).empty());
  write_text(dir.path() / "file", "");
  CHECK(failure_of([&] { Store::open(dir.path() / "file"); }).code == Errc::not_found);
}

TEST_CASE_FIXTURE(Fixture, "opening and reading writes nothing") {
  Store::init(path);
  const auto before = names_in(path);
  const Store store = Store::open(path);
  CHECK_FALSE(store.has_snapshot(Digest()));
  CHECK(failure_of([&] { std::ignore = store.manifest_bytes(Digest()); }).code == Errc::not_found);
  CHECK(store.catalog().snapshots().empty());
  CHECK(names_in(path) == before);
}

TEST_CASE_FIXTURE(Fixture, "a snapshot is one when it is sealed") {
  Store store = Store::init(path);
  SyntheticCachePager pager(kSmall);
  pager.populate_synthetic(8, 99);
  const WriterLease lease = store.lease();
  const Digest digest = capture_cache(pager, store.blobs()).digest;
  CHECK_FALSE(store.has_snapshot(digest));
  store.catalog().seal(digest, {});
  CHECK(store.has_snapshot(digest));
  CHECK(store.manifest_bytes(digest).size() == 1543);
  CHECK(store.manifest(digest).pages.size() == 8);
}

TEST_CASE_FIXTURE(Fixture, "a store that pf-core wrote is used as it is") {
  unpack_pf_core_store();
  const auto before = contents_of(path);
  Store store = Store::open(path);
  CHECK(store.is_foreign());
  CHECK(store.profile() == Profile::pf_core);
  const Digest g2 = Digest::parse(kG2);
  CHECK(store.has_snapshot(g2));
  CHECK_FALSE(store.has_snapshot(Digest()));
  SyntheticCachePager source(kSmall);
  source.populate_synthetic(8, 99);
  SyntheticCachePager target(kSmall);
  CHECK(restore_cache(target, store.blobs(), g2).pages == 8);
  for (const PageIndex ix : source.occupied_pages()) CHECK(page_of(target, ix) == page_of(source, ix));
  CHECK(target.logical_seqs() == source.logical_seqs());
  CHECK(contents_of(path) == before);
}

TEST_CASE_FIXTURE(Fixture, "capturing into pf-core's store what it holds adds nothing") {
  unpack_pf_core_store();
  Store store = Store::open(path);
  SyntheticCachePager pager(kSmall);
  pager.populate_synthetic(8, 99);
  const auto before = contents_of(path);
  const CaptureResult result = capture_cache(pager, store.blobs());
  CHECK(result.digest.hex() == kG2);
  CHECK(result.added_blobs == 0);
  CHECK(contents_of(path) == before);
}

TEST_CASE_FIXTURE(Fixture, "init makes pf-core's store ours, and keeps its profile unless told otherwise") {
  unpack_pf_core_store();
  SUBCASE("kept") { CHECK(Store::init(path).profile() == Profile::pf_core); }
  SUBCASE("told otherwise") { CHECK(Store::init(path, Profile::automatic).profile() == Profile::automatic); }
  const Store store = Store::open(path);
  CHECK_FALSE(store.is_foreign());
  CHECK(store.manifest_bytes(Digest::parse(kG2)).size() == 1543);
}

TEST_CASE_FIXTURE(Fixture, "any number of leases are held at once, and a clean-up waits for all of them") {
  const Store store = Store::init(path);
  const UniqueFd cleaner(::open((path / "lock").c_str(), O_RDWR | O_CLOEXEC));
  REQUIRE(cleaner);
  {
    const WriterLease one = store.lease();
    {
      const WriterLease two = Store::open(path).lease();
      CHECK(::flock(cleaner.get(), LOCK_EX | LOCK_NB) != 0);
    }
    CHECK(::flock(cleaner.get(), LOCK_EX | LOCK_NB) != 0);
  }
  CHECK(::flock(cleaner.get(), LOCK_EX | LOCK_NB) == 0);
}

TEST_CASE_FIXTURE(Fixture, "a lease makes the lock when it is absent") {
  unpack_pf_core_store();
  const WriterLease lease = Store::open(path).lease();
  CHECK(fs::exists(path / "lock"));
}

TEST_CASE_FIXTURE(Fixture, "a store on read-only media opens and reads; a lease says that it can't be written to") {
  Digest digest;
  {
    Store store = Store::init(path);
    SyntheticCachePager pager(kSmall);
    pager.populate_synthetic(2, 0);
    digest = capture_cache(pager, store.blobs()).digest;
    store.catalog().seal(digest, {});
  }
  if (::mount(path.c_str(), path.c_str(), nullptr, MS_BIND, nullptr) != 0) {
    MESSAGE("skipped: mounting is not permitted here");
    return;
  }
  REQUIRE(::mount(nullptr, path.c_str(), nullptr, MS_BIND | MS_REMOUNT | MS_RDONLY, nullptr) == 0);
  Failure lease;
  Failure put;
  bool reads = false;
  {
    Store store = Store::open(path);
    reads = store.has_snapshot(digest) && store.manifest(digest).pages.size() == 2;
    lease = failure_of([&] { std::ignore = store.lease(); });
    put = failure_of([&] { store.blobs().put(as_bytes("new")); });
  }
  REQUIRE(::umount(path.c_str()) == 0);
  CHECK(reads);
  CHECK(lease.code == std::errc::read_only_file_system);
  CHECK(names(lease, "cannot write to the store"));
  CHECK(put.code == std::errc::read_only_file_system);
}

TEST_CASE("a configuration is read back as it was written") {
  for (const Profile profile : {Profile::automatic, Profile::pf_core}) {
    CHECK(parse_config(to_toml({profile}), "config").profile == profile);
    CHECK(profile_named(name_of(profile)) == profile);
  }
  CHECK(parse_config("# mine\nprofile = 'auto'\nformat = 1", "config").profile == Profile::automatic);
}

TEST_CASE("a configuration keeps that pf-core wrote the store") {
  StoreConfig config;
  CHECK_FALSE(parse_config(to_toml(config), "config").adopted);
  config.adopted = true;
  CHECK(to_toml(config) == "format = 1\nadopted = true\n");
  CHECK(parse_config(to_toml(config), "config").adopted);
}

TEST_CASE_FIXTURE(Fixture, "a store has the settings of its file, unless it is opened with others") {
  Store::init(path);
  CHECK(Store::open(path).staging_keep() == std::chrono::hours(24));
  CHECK((Store::open(path).encoding() == EncodingPolicy::automatic));
  write_text(path / "config.toml", "format = 1\nencoding = \"raw\"\nstaging_keep = \"90m\"\n");
  CHECK(Store::open(path).staging_keep() == std::chrono::minutes(90));
  CHECK((Store::open(path).encoding() == EncodingPolicy::raw));
  const Store other = Store::open(path, {EncodingPolicy::zstd_19, std::chrono::seconds(1)});
  CHECK(other.staging_keep() == std::chrono::seconds(1));
  CHECK((other.encoding() == EncodingPolicy::zstd_19));
}

TEST_CASE_FIXTURE(Fixture, "a store that pf-core wrote is remembered as such, whatever profile it is made") {
  unpack_pf_core_store();
  CHECK(Store::open(path).may_hold_unsealed_snapshots());
  CHECK(Store::init(path, Profile::automatic).may_hold_unsealed_snapshots());
  CHECK(Store::open(path).may_hold_unsealed_snapshots());
}

TEST_CASE_FIXTURE(Fixture, "a store of our own holds no unsealed snapshots, unless pf-core may write to it") {
  CHECK_FALSE(Store::init(path).may_hold_unsealed_snapshots());
  CHECK(Store::init(path / "other", Profile::pf_core).may_hold_unsealed_snapshots());
}

TEST_CASE_FIXTURE(Fixture, "a clean-up has the store for itself, and waits no longer than it is told") {
  const Store store = Store::init(path);
  {
    const auto cleanup = store.try_cleanup_lease(std::chrono::milliseconds(0));
    REQUIRE(cleanup.has_value());
    CHECK_FALSE(store.try_cleanup_lease(std::chrono::milliseconds(0)).has_value());
  }
  const WriterLease one = store.lease();
  const WriterLease two = store.lease();
  CHECK_FALSE(store.try_cleanup_lease(std::chrono::milliseconds(20)).has_value());
  const WriterLease three = store.lease();  // the gate is open again
}

TEST_CASE_FIXTURE(Fixture, "writers who come one after the other don't keep a clean-up out") {
  const Store store = Store::init(path);
  std::atomic<bool> is_over = false;
  std::vector<std::jthread> writers;
  for (int i = 0; i < 4; ++i) {
    writers.emplace_back([&] {
      while (!is_over) {
        const WriterLease lease = store.lease();
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
      }
    });
  }
  int got = 0;
  for (int i = 0; i < 20; ++i) got += store.try_cleanup_lease(std::chrono::milliseconds(500)) ? 1 : 0;
  is_over = true;
  CHECK(got == 20);
}

TEST_CASE("a configuration that isn't understood is refused, and the message names the key") {
  struct Refused {
    std::string_view text;
    Errc code;
    std::string_view names;
  };
  static constexpr Refused kTable[] = {
      {"", Errc::malformed, "format"},
      {"format = \"1\"", Errc::malformed, "format"},
      {"format = 1.0", Errc::malformed, "format"},
      {"format = 0", Errc::malformed, "format"},
      {"format = -1", Errc::malformed, "format"},
      {"format = 2\nnews = true", Errc::unsupported, "format 2"},
      {"format = 1\nprofil = \"auto\"", Errc::malformed, "'profil'"},
      {"format = 1\nprofile = \"pf_core\"", Errc::malformed, "'profile'"},
      {"format = 1\nprofile = 3", Errc::malformed, "line 2"},
      {"format = 1\nadopted = 1", Errc::malformed, "'adopted'"},
      {"format = 1\nstaging_keep = 24", Errc::malformed, "'staging_keep'"},
      {"format = 1\nstaging_keep = \"a day\"", Errc::malformed, "'staging_keep'"},
      {"format = 1\n[profile]", Errc::malformed, "'profile'"},
      {"format = 1\nformat = 1", Errc::malformed, "line 2"},
      {"format = ", Errc::malformed, "line 1"},
      {"\xff", Errc::malformed, "line 1"},
  };
  for (const Refused& refused : kTable) {
    CAPTURE(refused.text);
    const auto failure = failure_of([&] { std::ignore = parse_config(refused.text, "config.toml"); });
    CHECK(failure.code == refused.code);
    CHECK_MESSAGE(names(failure, refused.names), failure.what);
    CHECK(names(failure, "config.toml"));
  }
}

TEST_CASE_FIXTURE(Fixture, "a store with a newer or damaged configuration is refused by open and init") {
  Store::init(path);
  write_text(path / "config.toml", "format = 2\n");
  CHECK(failure_of([&] { Store::open(path); }).code == Errc::unsupported);
  CHECK(failure_of([&] { Store::init(path); }).code == Errc::unsupported);
  write_text(path / "config.toml", "");
  CHECK(failure_of([&] { Store::open(path); }).code == Errc::malformed);
  write_text(path / "config.toml", std::string(100000, '#'));
  CHECK(failure_of([&] { Store::open(path); }).code == Errc::too_large);
}

}  // namespace pfcache::test
