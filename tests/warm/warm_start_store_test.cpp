#include "pfcache/warm_start_store.hpp"

#include <doctest/doctest.h>
#include <sys/mount.h>
#include <unistd.h>

#include <array>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "pfcache/error.hpp"
#include "pfcache/sha256.hpp"
#include "support/failure.hpp"
#include "warm/key_directory.hpp"
#include "warm/warm_support.hpp"

namespace pfcache::test {
namespace {

namespace fs = std::filesystem;
using std::chrono::seconds;

constexpr EntryKind kCheckpoint = EntryKind::checkpoint;
constexpr EntryKind kFinal = EntryKind::final;

std::string save(TempStore& it, const Fingerprint& key, std::string_view payload, std::optional<double> objective = {},
                 EntryKind kind = kCheckpoint) {
  return it.store.save(key, bytes_of(payload), {objective, std::nullopt, kind});
}

TEST_CASE("roundtrip_save_then_lookup") {
  TempStore it;
  const Fingerprint key = key_for("roundtrip");
  const std::string run = it.store.save(key, bytes_of("hello-warm"), {1.5, 7, kCheckpoint});
  const auto entry = it.store.lookup(key);
  REQUIRE(entry);
  CHECK(text_of(entry->payload) == "hello-warm");
  CHECK(entry->about.run == run);
  CHECK(entry->about.objective == 1.5);
  CHECK(entry->about.iteration == 7);
  CHECK(entry->about.kind == kCheckpoint);
  CHECK(entry->about.payload_bytes == 10);
  CHECK(names_in(it.key_dir(key)) == std::vector<std::string>{run + ".bin", run + ".json"});
  CHECK(read_text(it.bin(key, run)) == "hello-warm");
}

TEST_CASE("an empty payload is a payload") {
  TempStore it;
  save(it, key_for("empty"), "");
  const auto entry = it.store.lookup(key_for("empty"));
  REQUIRE(entry);
  CHECK(entry->payload.empty());
}

TEST_CASE("lookup_picks_lowest_objective") {
  TempStore it;
  const Fingerprint key = key_for("multi");
  save(it, key, "worse", 3.0);
  save(it, key, "better", 1.0);
  save(it, key, "none");
  save(it, key, "mid", 2.0);
  CHECK(payload_of(it.store, key) == "better");
}

TEST_CASE("lookup_latest_ignores_objective_ordering") {
  TempStore it;
  const Fingerprint key = key_for("latest-vs-best");
  save(it, key, "low", 1.0, kFinal);
  save(it, key, "newer", 10.0);
  CHECK(payload_of(it.store, key) == "low");
  CHECK(text_of(it.store.lookup_latest(key)->payload) == "newer");
}

TEST_CASE("tiebreak_final_beats_checkpoint") {
  TempStore it;
  const Fingerprint key = key_for("tie");
  save(it, key, "final", 1.0, kFinal);
  save(it, key, "checkpoint", 1.0);
  CHECK(payload_of(it.store, key) == "final");
}

TEST_CASE("tiebreak_latest_mtime_when_no_objective") {
  TempStore it;
  const Fingerprint key = key_for("latest");
  save(it, key, "first");
  save(it, key, "second");
  CHECK(payload_of(it.store, key) == "second");
}

TEST_CASE("an objective that is no number is none") {
  TempStore it;
  const Fingerprint key = key_for("nan");
  save(it, key, "number", 1e300);
  save(it, key, "nan", std::nan(""));
  save(it, key, "below all", -std::numeric_limits<double>::infinity());
  CHECK(payload_of(it.store, key) == "number");
  CHECK_FALSE(it.store.lookup_latest(key)->about.objective);
}

TEST_CASE("corrupt_payload_is_cleaned_up") {
  TempStore it;
  const Fingerprint key = key_for("corrupt");
  const std::string run = save(it, key, "original", 0.0);
  for (const std::string_view damage : {"tampered", "longer than it was", ""}) {
    CAPTURE(std::string(damage));
    const std::string damaged = save(it, key, "original", 0.0);
    write_text(it.bin(key, damaged), damage);
    CHECK(payload_of(it.store, key) == "original");
    CHECK_FALSE(fs::exists(it.json(key, damaged)));
    CHECK_FALSE(fs::exists(it.bin(key, damaged)));
  }
  write_text(it.bin(key, run), "tampered");
  CHECK(payload_of(it.store, key) == "-");
  CHECK(names_in(it.key_dir(key)).empty());
}

TEST_CASE("a damaged best entry is removed and the next best is given") {
  TempStore it;
  const Fingerprint key = key_for("fallback");
  save(it, key, "third", 3.0);
  const std::string second = save(it, key, "second", 2.0);
  const std::string best = save(it, key, "best", 1.0);
  write_text(it.bin(key, best), "BEST");
  CHECK(payload_of(it.store, key) == "second");
  write_text(it.bin(key, second), "SECOND");
  CHECK(payload_of(it.store, key) == "third");
  CHECK(names_in(it.key_dir(key)).size() == 2);
}

TEST_CASE("a record is found whatever its payload is, unless it can't be read") {
  TempStore it;
  const Fingerprint key = key_for("record");
  const std::string run = save(it, key, "payload", 2.0);
  for (const char* payload : {"payload", "PAYLOAD", ""}) {
    write_text(it.bin(key, run), payload);
    const auto record = it.store.find(key, run);
    REQUIRE(record);
    CHECK(record->run == run);
    CHECK(record->checksum == sha256(bytes_of("payload")));
    CHECK(record->payload_bytes == 7);
  }
  CHECK_FALSE(it.store.find(key, "r0-0"));
  CHECK_FALSE(it.store.find(key, "../" + run));
  CHECK_FALSE(it.store.find(key_for("other"), run));
  write_text(it.json(key, run), "{not valid json");
  CHECK_FALSE(it.store.find(key, run));
  CHECK(fs::exists(it.json(key, run)));
}

TEST_CASE("an entry that gam is overwriting is passed over and left alone") {
  FakeTime time{std::chrono::system_clock::now().time_since_epoch()};
  TempStore it({.unix_time = time.reader()});
  const Fingerprint key = key_for("overwrite");
  save(it, key, "next best", 5.0);
  const std::string run = save(it, key, "old", 1.0);
  const std::string longer = save(it, key, "a longer one", 1.0);
  fs::rename(it.json(key, longer), it.key_dir(key) / "json.aside");
  for (const std::string_view payload : {"new", "another length"}) {
    CAPTURE(std::string(payload));
    write_text(it.key_dir(key) / "bin.aside", payload);
    fs::rename(it.key_dir(key) / "bin.aside", it.bin(key, run));
    CHECK(payload_of(it.store, key) == "next best");
    CHECK(it.store.evict_overflow().damaged_entries == 0);
    CHECK(fs::exists(it.bin(key, run)));
    CHECK(fs::exists(it.json(key, run)));
  }
  fs::rename(it.bin(key, longer), it.bin(key, run));
  fs::rename(it.key_dir(key) / "json.aside", it.json(key, run));
  CHECK(payload_of(it.store, key) == "a longer one");
  // gam died in between.
  write_text(it.key_dir(key) / "bin.aside", "new");
  fs::rename(it.key_dir(key) / "bin.aside", it.bin(key, run));
  time.now += kGraceOfOthers + std::chrono::minutes(1);
  CHECK(payload_of(it.store, key) == "next best");
  CHECK_FALSE(fs::exists(it.json(key, run)));
}

TEST_CASE("what one key refuses keeps nothing from being evicted of the others, and is told") {
  TempStore it({.size_budget_bytes = 1000, .ttl = seconds(0)});
  const std::string other_hex(64, 'a');
  write_text(it.store.root() / other_hex, "a file where a directory would be");
  fs::create_symlink(std::string(64, 'b'), it.store.root() / std::string(64, 'b'));
  const Fingerprint key = key_for("evicted");
  fs::create_directories(it.key_dir(key));
  fs::create_symlink("r0-0.json", it.key_dir(key) / "r0-0.json");
  for (int i = 0; i < 20; ++i) save(it, key, std::string(200, 'p'));
  CHECK(it.store.runs(key).size() < 4);  // as saves evict
  const EvictReport report = it.store.evict_overflow();
  CHECK(report.kept_bytes <= 1000);
  REQUIRE(report.failures.size() > 0);
  CHECK(report.failures.front().find(std::string(64, 'b')) != std::string::npos);
  CHECK(it.store.runs(Fingerprint::parse(other_hex)).empty());
}

TEST_CASE("corrupt_meta_json_is_cleaned_up") {
  TempStore it;
  const Fingerprint key = key_for("badjson");
  save(it, key, "good", 5.0);
  const std::string run = save(it, key, "x", 1.0);
  write_text(it.json(key, run), "{not valid json");
  CHECK(payload_of(it.store, key) == "good");
  CHECK(names_in(it.key_dir(key)).size() == 2);
}

TEST_CASE("missing_bin_treated_as_missing") {
  TempStore it;
  const Fingerprint key = key_for("nobin");
  const std::string run = save(it, key, "x");
  fs::remove(it.bin(key, run));
  CHECK(payload_of(it.store, key) == "-");
  CHECK_FALSE(it.store.load(key, run));
}

TEST_CASE("a JSON that came before its payload is passed over until that is there, and goes when none comes") {
  FakeTime time{std::chrono::system_clock::now().time_since_epoch()};
  TempStore it({.ttl = seconds(0), .unix_time = time.reader()});
  const Fingerprint key = key_for("halves");
  save(it, key, "whole", 5.0);
  const std::string run = save(it, key, "better", 1.0);
  fs::rename(it.bin(key, run), it.key_dir(key) / "aside");
  CHECK(payload_of(it.store, key) == "whole");
  CHECK(it.store.evict_overflow().damaged_entries == 0);
  CHECK_FALSE(it.store.adopt(key, run));
  fs::rename(it.key_dir(key) / "aside", it.bin(key, run));
  CHECK(payload_of(it.store, key) == "better");
  fs::remove(it.bin(key, run));
  time.now += kGraceOfOthers + std::chrono::minutes(1);
  CHECK(payload_of(it.store, key) == "whole");
  CHECK_FALSE(fs::exists(it.json(key, run)));
}

TEST_CASE("schema_mismatch_is_ignored") {
  TempStore it({.size_budget_bytes = 1 << 20, .ttl = seconds(60)});
  const Fingerprint key = key_for("schema");
  save(it, key, "ours", 5.0);
  const std::string run = save(it, key, "theirs", 1.0);
  replace_in_file(it.json(key, run), "\"schema_version\": 1", "\"schema_version\": 100");
  CHECK(payload_of(it.store, key) == "ours");
  CHECK_FALSE(it.store.load(key, run));
  const EvictReport report = it.store.evict_overflow();
  CHECK(report.kept_entries == 1);
  CHECK(report.kept_bytes < 400);
  CHECK(fs::exists(it.json(key, run)));
  CHECK(fs::exists(it.bin(key, run)));
}

TEST_CASE("what is no file, and what is above a limit, is left alone") {
  TempStore it;
  const Fingerprint key = key_for("odd");
  save(it, key, "ours", 5.0);
  fs::create_directory(it.key_dir(key) / "directory.json");
  write_text(it.key_dir(key) / "huge.json", std::string(kMaxWarmJsonBytes + 1, ' '));
  write_text(it.key_dir(key) / "README", "mine");
  const std::string huge = save(it, key, "x", 1.0);
  fs::resize_file(it.bin(key, huge), kMaxWarmPayloadBytes + 1);
  replace_in_file(it.json(key, huge), "\"payload_bytes\": 1\n",
                  "\"payload_bytes\": " + std::to_string(kMaxWarmPayloadBytes + 1) + "\n");
  write_text(it.store.root() / "README", "mine");
  CHECK(payload_of(it.store, key) == "ours");
  it.store.evict_overflow();
  CHECK(fs::exists(it.key_dir(key) / "directory.json"));
  CHECK(fs::exists(it.key_dir(key) / "huge.json"));
  CHECK(fs::exists(it.key_dir(key) / "README"));
  CHECK(fs::exists(it.bin(key, huge)));
  CHECK(fs::exists(it.store.root() / "README"));
}

TEST_CASE("missing_key_returns_none") {
  TempStore it;
  CHECK(payload_of(it.store, key_for("absent")) == "-");
  CHECK(it.store.keys().empty());
  CHECK(it.store.runs(key_for("absent")).empty());
  CHECK_FALSE(it.store.best_run(key_for("absent")));
  CHECK(it.store.evict_overflow().kept_entries == 0);
  CHECK_FALSE(fs::exists(it.store.root()));
  save(it, key_for("present"), "x");
  CHECK(payload_of(it.store, key_for("absent")) == "-");
}

TEST_CASE("keys_are_isolated") {
  TempStore it;
  save(it, key_for("a"), "AAA", 1.0, kFinal);
  save(it, key_for("b"), "BBB", 1.0, kFinal);
  CHECK(payload_of(it.store, key_for("a")) == "AAA");
  CHECK(payload_of(it.store, key_for("b")) == "BBB");
  CHECK(it.store.keys().size() == 2);
}

TEST_CASE("expired_entries_are_not_returned") {
  FakeTime time;
  TempStore it({.ttl = seconds(10), .unix_time = time.reader()});
  const Fingerprint key = key_for("ttl");
  time.now += std::chrono::nanoseconds(500);
  const std::string run = save(it, key, "best", 1.0);
  time.now += seconds(5);
  save(it, key, "later", 2.0);
  time.now += seconds(5) - std::chrono::nanoseconds(1);
  CHECK(payload_of(it.store, key) == "best");
  time.now += std::chrono::nanoseconds(1);
  CHECK(payload_of(it.store, key) == "later");
  CHECK_FALSE(it.store.load(key, run));
  CHECK(it.store.runs(key).size() == 1);
  CHECK(fs::exists(it.json(key, run)));
  CHECK(it.store.evict_overflow().expired_entries == 1);
  CHECK_FALSE(fs::exists(it.json(key, run)));
  time.now += seconds(100);
  CHECK(payload_of(it.store, key) == "-");
}

TEST_CASE("ttl_drops_old_entries") {
  FakeTime time;
  TempStore it({.ttl = std::chrono::hours(48), .unix_time = time.reader()});
  save(it, key_for("old"), "x");
  time.now += std::chrono::hours(49);
  save(it, key_for("new"), "y");
  CHECK_FALSE(fs::exists(it.key_dir(key_for("old"))));
  CHECK(payload_of(it.store, key_for("new")) == "y");
}

TEST_CASE("without a time to live entries stay, and those from the future have not expired") {
  FakeTime time;
  TempStore it({.ttl = seconds(0), .unix_time = time.reader()});
  save(it, key_for("x"), "x");
  time.now += std::chrono::hours(24 * 365 * 50);
  CHECK(payload_of(it.store, key_for("x")) == "x");
  auto later = WarmStartStore::open(it.store.root(), {.ttl = seconds(1), .unix_time = [] { return seconds(5); }});
  CHECK(payload_of(later, key_for("x")) == "x");
  replace_in_file(it.json(key_for("x"), *it.store.best_run(key_for("x"))), "1700000000", "18446744073709551615");
  CHECK(payload_of(later, key_for("x")) == "x");
}

TEST_CASE("size_budget_evicts_oldest") {
  FakeTime time;
  TempStore it({.size_budget_bytes = 4096, .ttl = seconds(0), .unix_time = time.reader()});
  const std::string payload(256, 'p');
  for (int i = 0; i < 20; ++i) {
    time.now += seconds(1);
    save(it, key_for(std::to_string(i)), payload, i);
    CHECK(stored_bytes(it.store.root()) <= 4096);
    CHECK(payload_of(it.store, key_for(std::to_string(i))) == payload);
  }
  CHECK(stored_bytes(it.store.root()) > 2048);
  CHECK(payload_of(it.store, key_for("0")) == "-");
  CHECK(payload_of(it.store, key_for("18")) == payload);
  CHECK_FALSE(fs::exists(it.key_dir(key_for("0"))));
}

TEST_CASE("an eviction that is asked for takes no more than it must, the oldest written first") {
  FakeTime time;
  TempStore it({.ttl = seconds(0), .unix_time = time.reader()});
  const Fingerprint key = key_for("x");
  std::vector<std::string> runs;
  for (const int age : {3, 5, 4, 1, 2}) {  // not in the order of their times
    time.now = seconds(1000 - age);
    runs.push_back(save(it, key, "0123456789"));
  }
  const std::uint64_t each = stored_bytes(it.store.root()) / 5;
  auto small = WarmStartStore::open(it.store.root(), {.size_budget_bytes = 3 * each + 50, .ttl = seconds(0)});
  const EvictReport report = small.evict_overflow();
  CHECK(report.evicted_entries == 2);
  CHECK(report.kept_entries == 3);
  CHECK(report.kept_bytes == stored_bytes(it.store.root()));
  CHECK_FALSE(fs::exists(it.json(key, runs[1])));
  CHECK_FALSE(fs::exists(it.json(key, runs[2])));
  CHECK(small.evict_overflow().evicted_entries == 0);
}

TEST_CASE("the entry just saved isn't the one evicted, even by a clock that was set back") {
  FakeTime time;
  TempStore it({.size_budget_bytes = 2000, .ttl = seconds(0), .unix_time = time.reader()});
  for (int i = 0; i < 10; ++i) {
    time.now -= seconds(100);
    save(it, key_for("back"), std::string(300, static_cast<char>('a' + i)), -i);
    CHECK(payload_of(it.store, key_for("back")) == std::string(300, static_cast<char>('a' + i)));
    CHECK(stored_bytes(it.store.root()) <= 2000);
  }
}

TEST_CASE("what can't fit is refused, not stored") {
  TempStore it({.size_budget_bytes = 1000});
  save(it, key_for("small"), "x");
  for (const std::size_t size : {std::size_t{1001}, std::size_t{990}}) {
    const Failure failure = failure_of([&] { save(it, key_for("big"), std::string(size, 'x')); });
    CHECK(failure.code == Errc::too_large);
    CHECK(failure.what.find("budget") != std::string::npos);
  }
  CHECK_FALSE(fs::exists(it.key_dir(key_for("big"))));
  CHECK(payload_of(it.store, key_for("small")) == "x");
}

TEST_CASE("save_overwrite_keeps_single_entry") {
  TempStore it;
  const Fingerprint key = key_for("overwrite");
  const std::string first = it.store.save(key, bytes_of("v1"), {1.0, 1, kFinal});
  const std::string second = it.store.save_overwrite(key, first, bytes_of("v2"), {2.0, 2, kCheckpoint});
  CHECK(second != first);
  CHECK(names_in(it.key_dir(key)) == std::vector<std::string>{second + ".bin", second + ".json"});
  CHECK(payload_of(it.store, key) == "v2");
  CHECK_FALSE(it.store.load(key, first));
}

TEST_CASE("save_overwrite_replaces_an_absent_run_by_saving") {
  TempStore it;
  it.store.save_overwrite(key_for("x"), "ckpt-r1-2", bytes_of("v"), {});
  CHECK(payload_of(it.store, key_for("x")) == "v");
}

TEST_CASE("what can't be a run is refused before anything is written, and never found") {
  TempStore it;
  for (const std::string& run : {std::string(), std::string("../x"), std::string("a/b"), std::string(".hidden"),
                                 std::string(129, 'r'), std::string("r1.tmp.5.6"), std::string("a\0b", 3)}) {
    CAPTURE(run);
    CHECK(failure_of([&] { it.store.save_overwrite(key_for("x"), run, bytes_of("v"), {}); }).code ==
          Errc::invalid_argument);
    CHECK_FALSE(it.store.load(key_for("x"), run));
  }
  CHECK_FALSE(fs::exists(it.store.root()));
}

TEST_CASE("a pair that gam wrote is read, and one replaced by gam is the new one") {
  TempStore it;
  const Fingerprint key = key_for("gam");
  // As serde_json prints them; the checksum is that of "hello-warm".
  write_text(it.bin(key, "ckpt-r1f-17"), "hello-warm");
  write_text(
      it.json(key, "ckpt-r1f-17"),
      "{\n  \"schema_version\": 1,\n  \"written_unix_secs\": 4000000000,\n  \"written_nanos\": 9,\n  \"objective\": "
      "-2.5e-7,\n  \"iteration\": null,\n  \"kind\": \"Checkpoint\",\n  \"checksum_hex\": \"" +
          sha256(bytes_of("hello-warm")).hex() + "\",\n  \"payload_bytes\": 10\n}");
  const auto entry = it.store.lookup(key);
  REQUIRE(entry);
  CHECK(entry->about.run == "ckpt-r1f-17");
  CHECK(entry->about.objective == -2.5e-7);
  CHECK(text_of(entry->payload) == "hello-warm");
}

TEST_CASE("runs come best first, and the best run is the one that lookup gives") {
  TempStore it;
  const Fingerprint key = key_for("runs");
  const std::string worst = save(it, key, "worst");
  const std::string best = save(it, key, "best", 1.0);
  const std::string middle = save(it, key, "middle", 2.0);
  const auto runs = it.store.runs(key);
  REQUIRE(runs.size() == 3);
  CHECK(runs[0].run == best);
  CHECK(runs[1].run == middle);
  CHECK(runs[2].run == worst);
  CHECK(runs[0].checksum == sha256(bytes_of("best")));
  CHECK(it.store.best_run(key) == best);
  CHECK(it.store.lookup(key)->about.run == best);
  CHECK(text_of(it.store.load(key, middle)->payload) == "middle");
}

TEST_CASE("a look at the runs removes none of them") {
  TempStore it;
  const Fingerprint key = key_for("look");
  const std::string good = save(it, key, "good", 2.0);
  const std::string torn = save(it, key, "torn", 1.0);
  fs::resize_file(it.bin(key, torn), 1);
  CHECK(it.store.best_run(key) == good);
  CHECK(fs::exists(it.json(key, torn)));
  CHECK(payload_of(it.store, key) == "good");
  CHECK_FALSE(fs::exists(it.json(key, torn)));
}

TEST_CASE("an entry that another program wrote is counted and makes room for itself") {
  FakeTime time;
  TempStore it({.size_budget_bytes = 4096, .ttl = seconds(0), .unix_time = time.reader()});
  TempStore theirs({.unix_time = time.reader()});
  const std::string payload(1024, 'p');
  for (int i = 0; i < 6; ++i) {
    time.now += seconds(1);
    const Fingerprint key = key_for(std::to_string(i));
    const std::string run = save(theirs, key, payload);
    fs::create_directories(it.key_dir(key));
    fs::copy_file(theirs.bin(key, run), it.bin(key, run));
    CHECK_FALSE(it.store.adopt(key, run));
    fs::copy_file(theirs.json(key, run), it.json(key, run));
    CHECK(it.store.adopt(key, run));
    CHECK(stored_bytes(it.store.root()) <= 4096);
    CHECK(payload_of(it.store, key) == payload);
  }
  CHECK_FALSE(it.store.adopt(key_for("absent"), "r1-1"));
  CHECK(failure_of([&] { it.store.adopt(key_for("0"), "../x"); }).code == Errc::invalid_argument);
}

TEST_CASE("orphan_temp_files_from_dead_processes_are_swept") {
  FakeTime time{std::chrono::system_clock::now().time_since_epoch()};
  TempStore it({.unix_time = time.reader()});
  const Fingerprint key = key_for("tmp");
  const std::string run = save(it, key, "x");
  const fs::path dir = it.key_dir(key);
  const std::array theirs = {"r0-0.json.tmp.1.0", "r0-0.bin.tmp.1.0", "r9-9.bin", ".tmp-theirs"};
  for (const char* name : theirs) write_text(dir / name, "orphan");
  write_text(dir / ".tmp-0123456789abcdef", "orphan");
  write_text(it.store.root() / ".tmp-0123456789abcdef", "orphan");
  // Ours has no writer who holds the lock; the others might be gam's or a copy's, who take none: what counts is when
  // they came, not what time a copy gave them.
  for (const char* name : theirs) make_old(dir / name, std::chrono::hours(48));
  CHECK(it.store.evict_overflow().swept_files == 1);
  CHECK_FALSE(fs::exists(dir / ".tmp-0123456789abcdef"));
  for (const char* name : theirs) CHECK(fs::exists(dir / name));
  time.now += std::chrono::hours(2);
  CHECK(it.store.evict_overflow().swept_files == 5);
  CHECK(names_in(dir) == std::vector<std::string>{run + ".bin", run + ".json"});
  CHECK(names_in(it.store.root()).size() == 2);
}

TEST_CASE("tmp_filenames_without_pid_are_skipped") {
  FakeTime later{std::chrono::system_clock::now().time_since_epoch() + std::chrono::hours(100)};
  TempStore it({.unix_time = later.reader()});
  const fs::path weird = it.key_dir(key_for("weird")) / "garbage.tmp.notapid.suffix";
  write_text(weird, "x");
  CHECK(it.store.evict_overflow().swept_files == 0);
  CHECK(fs::exists(weird));
}

TEST_CASE("empty directories of keys go, and are made again") {
  TempStore it;
  fs::create_directories(it.key_dir(key_for("empty")));
  it.store.evict_overflow();
  CHECK_FALSE(fs::exists(it.key_dir(key_for("empty"))));
  save(it, key_for("empty"), "x");
  CHECK(payload_of(it.store, key_for("empty")) == "x");
}

TEST_CASE("a byte count that is damaged, absent or a day old is counted again") {
  FakeTime time;
  TempStore it({.size_budget_bytes = 3000, .ttl = seconds(0), .unix_time = time.reader()});
  const auto fill = [&] {
    for (int i = 0; i < 12; ++i) {
      time.now += seconds(1);
      save(it, key_for("x"), std::string(200, 'x'));
    }
    CHECK(stored_bytes(it.store.root()) <= 3000);
  };
  fill();
  const fs::path usage = it.store.root() / "usage";
  REQUIRE(fs::exists(usage));
  for (const std::string& damage :
       {std::string(), std::string("PFUSAGE1"), std::string("PFUSAGE1") + std::string(17, '\xff'),
        std::string(4096, '\0'), std::string("PFUSAGE1") + std::string(80, '\xff')}) {
    write_text(usage, damage);
    fill();
  }
  fs::remove(usage);
  fill();
  // Somebody who keeps no count, as gam, makes it too low: for a day at most.
  write_text(it.bin(key_for("gam"), "r1-1"), std::string(2900, 'x'));
  write_text(it.json(key_for("gam"), "r1-1"),
             "{\"schema_version\":1,\"written_unix_secs\":1,\"kind\":\"Final\",\"checksum_hex\":\"" +
                 std::string(64, 'a') + "\",\"payload_bytes\":2900}");
  time.now += std::chrono::hours(25);
  fill();
}

TEST_CASE("saves say no more than they must in the byte count, and start it again when it is long") {
  TempStore it;
  save(it, key_for("x"), "x");
  const fs::path usage = it.store.root() / "usage";
  const auto fresh = fs::file_size(usage);
  save(it, key_for("x"), "x");
  CHECK(fs::file_size(usage) == fresh + 8);
  std::string log = read_text(usage);
  log.append(std::size_t{8} * 5000, '\0');
  write_text(usage, log);
  save(it, key_for("x"), "x");
  CHECK(fs::file_size(usage) == fresh);
  CHECK(it.store.evict_overflow().kept_entries == 3);
}

TEST_CASE("a save below the budget looks at no other entry") {
  TempStore it;
  const Fingerprint key = key_for("x");
  save(it, key, "x");
  write_text(it.json(key, "broken"), "{not valid json");
  for (int i = 0; i < 20; ++i) save(it, key, "x");
  save(it, key_for("y"), "y");
  CHECK(fs::exists(it.json(key, "broken")));  // who looks at it removes it
  CHECK(it.store.evict_overflow().damaged_entries == 1);
}

// A directory mounted read-only over itself: root may write everywhere else.
class ReadOnly {
 public:
  explicit ReadOnly(fs::path path) : path_(std::move(path)) {
    const char* at = path_.c_str();
    is_mounted_ = ::mount(at, at, nullptr, MS_BIND, nullptr) == 0;
    is_read_only_ = is_mounted_ && ::mount(nullptr, at, nullptr, MS_BIND | MS_REMOUNT | MS_RDONLY, nullptr) == 0;
  }
  ~ReadOnly() {
    if (is_mounted_) ::umount2(path_.c_str(), MNT_DETACH);
  }
  ReadOnly(const ReadOnly&) = delete;
  ReadOnly& operator=(const ReadOnly&) = delete;
  [[nodiscard]] explicit operator bool() const noexcept { return is_read_only_; }

 private:
  fs::path path_;
  bool is_mounted_;
  bool is_read_only_;
};

TEST_CASE("a store that may not be written to is read, damage and all, and says that it can't be saved to") {
  TempStore it;
  const Fingerprint key = key_for("ro");
  save(it, key, "good", 2.0);
  const std::string damaged = save(it, key, "best", 1.0);
  write_text(it.bin(key, damaged), "BEST");
  const ReadOnly mount(it.store.root());
  if (!mount) {
    MESSAGE("SKIPPED: a read-only mount takes root");
    return;
  }
  CHECK(payload_of(it.store, key) == "good");
  CHECK(fs::exists(it.json(key, damaged)));
  CHECK(failure_of([&] { save(it, key, "x"); }).code == std::errc::read_only_file_system);
  CHECK(failure_of([&] { it.store.evict_overflow(); }).code == std::errc::read_only_file_system);
}

TEST_CASE("on a full disk a save fails, leaves nothing, and works again when there is room") {
  const TempDir dir;
  if (::mount("none", dir.path().c_str(), "tmpfs", 0, "size=256k") != 0) {
    MESSAGE("SKIPPED: mounting a small tmpfs takes root");
    return;
  }
  {
    auto store = WarmStartStore::open(dir.path() / "warm");
    const Fingerprint key = key_for("full");
    const std::string run = store.save(key, bytes_of("good"), {});
    const std::string filling(600'000, 'x');
    CHECK(failure_of([&] { store.save(key, bytes_of(filling), {}); }).code == std::errc::no_space_on_device);
    CHECK(failure_of([&] {
            for (int i = 0; i < 300; ++i) store.save(key, bytes_of("x"), {});
          }).code == std::errc::no_space_on_device);
    for (const std::string& name : names_in(store.root() / key.hex())) CHECK_FALSE(name.starts_with(".tmp-"));
    CHECK(text_of(store.load(key, run)->payload) == "good");
    auto small = WarmStartStore::open(dir.path() / "warm", {.size_budget_bytes = 1000});
    small.evict_overflow();
    small.save(key_for("other"), bytes_of("again"), {});
    CHECK(payload_of(small, key_for("other")) == "again");
  }
  CHECK(::umount2(dir.path().c_str(), 0) == 0);
}

TEST_CASE("the default store is where pfcache's is") {
  const auto root_of = [](std::initializer_list<std::pair<const char*, const char*>> variables) {
    for (const char* name : {"PFCACHE_STORE", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "HOME"})
      ::unsetenv(name);                                                    // NOLINT(concurrency-mt-unsafe)
    for (const auto& [name, value] : variables) ::setenv(name, value, 1);  // NOLINT(concurrency-mt-unsafe)
    return WarmStartStore::open_default().root();
  };
  const auto text = [](const char* name) {
    const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe)
    return std::string(value == nullptr ? "" : value);
  };
  const std::string home = text("HOME");
  CHECK(root_of({{"PFCACHE_STORE", "/s"}}) == "/s/warm");
  if (::geteuid() == 0) {
    CHECK(root_of({{"HOME", "/h"}}) == "/var/lib/pfcache/warm");
  } else {
    CHECK(root_of({{"HOME", "/h"}}) == "/h/.local/share/pfcache/warm");
    CHECK(root_of({{"HOME", "/h"}, {"XDG_DATA_HOME", "/d"}}) == "/d/pfcache/warm");
    CHECK(failure_of([&] { root_of({}); }).code == Errc::invalid_argument);
  }
  ::setenv("HOME", home.c_str(), 1);  // NOLINT(concurrency-mt-unsafe)
}

TEST_CASE("a root is absolute and made with all above it by the first save") {
  const TempDir dir;
  auto store = WarmStartStore::open(dir.path() / "a" / "b" / "warm/");
  CHECK(store.root() == dir.path() / "a" / "b" / "warm");
  CHECK_FALSE(fs::exists(dir.path() / "a"));
  store.save(key_for("x"), bytes_of("x"), {});
  CHECK(payload_of(store, key_for("x")) == "x");
  CHECK(WarmStartStore::open("warm").root().is_absolute());
  fs::create_directory_symlink(dir.path() / "a" / "b", dir.path() / "link");
  CHECK(payload_of(WarmStartStore::open(dir.path() / "link" / "warm"), key_for("x")) == "x");
  WarmStartStore::open(dir.path() / "link" / ".." / "c").save(key_for("y"), bytes_of("y"), {});
  CHECK(fs::exists(dir.path() / "a" / "c" / key_for("y").hex()));
  write_text(dir.path() / "file", "");
  auto bad = WarmStartStore::open(dir.path() / "file" / "warm");
  CHECK_THROWS_AS(bad.save(key_for("x"), bytes_of("x"), {}), Error);
}

}  // namespace
}  // namespace pfcache::test
