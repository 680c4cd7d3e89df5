// What long operations tell of their progress, all in one place.
#include "support/progress_log.hpp"

#include "pfcache/engine_file.hpp"
#include "pfcache/gc.hpp"
#include "pfcache/page_files.hpp"
#include "pfcache/repack.hpp"
#include "upkeep/upkeep_support.hpp"

namespace pfcache::test {
namespace {

using Phases = std::vector<std::string>;

const std::filesystem::path kSession = std::string(TEST_DATA_DIR) + "/llama-session-399.bin";  // 25 pages of 32 KiB

CaptureOptions capture_options(ProgressLog& log, std::uint64_t memory_limit_bytes = 1 << 30) {
  return {.memory_limit_bytes = memory_limit_bytes, .threads = 2, .stop = {}, .on_progress = log.listener()};
}

RestoreOptions restore_options(ProgressLog& log) { return {.threads = 2, .stop = {}, .on_progress = log.listener()}; }

}  // namespace

TEST_CASE("a capture tells what it has stored, whether it copies the pages or not, and then that it syncs") {
  for (const std::uint64_t memory_limit_bytes : {std::uint64_t{1} << 30, std::uint64_t{1} << 14}) {
    StoreDir at;
    SyntheticCachePager pager(kSmall);
    pager.populate_synthetic(10, 1);
    ProgressLog log;
    capture_cache(pager, at.store.blobs(), capture_options(log, memory_limit_bytes));
    CHECK(log.phases() == Phases{"store byte 81920/81920", "sync byte 0/?"});
    CHECK(log.events() > 3);
  }
}

TEST_CASE("restores tell what they have given out, and captures of directories what they have stored") {
  StoreDir at;
  const CaptureResult made = capture_sealed(at.store, 1);
  ProgressLog to_pager;
  SyntheticCachePager pager(kSmall);
  restore_cache(pager, at.store.blobs(), made.digest, restore_options(to_pager));
  CHECK(to_pager.phases() == Phases{"restore byte 24576/24576"});
  ProgressLog to_directory;
  restore_directory(at.store.blobs(), made.digest, at.dir.path() / "pages", restore_options(to_directory));
  CHECK(to_directory.phases() == Phases{"restore byte 24576/24576"});
  ProgressLog from_directory;
  capture_directory(at.dir.path() / "pages", at.store.blobs(), capture_options(from_directory));
  CHECK(from_directory.phases() == Phases{"store byte 24576/24576", "sync byte 0/?"});
}

TEST_CASE("an engine's file is read, stored and, when it is too large for a copy, checked; written and checked") {
  for (const bool fits : {true, false}) {
    StoreDir at;
    ProgressLog in;
    const EngineCapture made = capture_engine_file(kSession, at.store, "s", capture_options(in, fits ? 1 << 30 : 1));
    const auto size = std::to_string(std::filesystem::file_size(kSession));
    const std::string whole = size + "/" + size;
    Phases expected{"read byte " + whole, "store byte 819200/819200", "sync byte 0/?"};
    if (!fits) expected.push_back("check byte " + whole);
    CHECK(in.phases() == expected);
    ProgressLog out;
    restore_engine_file(at.store, made.record, at.dir.path() / "again.bin", false, restore_options(out));
    CHECK(out.phases() == Phases{"restore byte 819200/819200", "check byte " + whole});
  }
}

TEST_CASE("verify tells manifests and then bytes") {
  StoreDir at;
  capture_sealed(at.store, 1);
  capture_sealed(at.store, 2);
  ProgressLog log;
  VerifyOptions options;
  options.on_progress = log.listener();
  static_cast<void>(verify_snapshots(at.store, at.store.catalog().snapshots(), options));
  CHECK(log.phases() == Phases{"manifests snapshot 2/2", "read byte 49152/49152"});
}

TEST_CASE("gc tells what it marks, where it looks and what it sweeps; a dry run sweeps nothing") {
  StoreDir at;
  capture_sealed(at.store, 1);
  const CaptureResult doomed = capture_sealed(at.store, 2);
  at.store.catalog().remove(doomed.digest);
  for (const bool dry_run : {true, false}) {
    ProgressLog log;
    GcOptions options;
    options.grace = std::chrono::seconds(0);
    options.dry_run = dry_run;
    options.on_progress = log.listener();
    collect_garbage(at.store, options);
    Phases expected{"mark snapshot 1/1", "list directory 256/256"};
    if (!dry_run) expected.emplace_back("sweep file 7/7");
    CHECK(log.phases() == expected);
  }
}

TEST_CASE("a gc that reads manifests without a seal tells that it looks for them") {
  StoreDir at(Profile::pf_core);
  const CaptureResult made = capture_sealed(at.store, 1);
  at.store.catalog().remove(made.digest);
  ProgressLog log;
  GcOptions options;
  options.on_progress = log.listener();
  collect_garbage(at.store, options);
  CHECK(log.phases() == Phases{"mark snapshot 0/0", "look blob 7/7", "list directory 256/256", "sweep file 0/0"});
}

TEST_CASE("repack tells manifests and then stored bytes") {
  StoreDir at;
  capture_sealed(at.store, 1);
  const std::string stored = std::to_string(at.store.blobs().physical_bytes());
  ProgressLog log;
  RepackOptions options;
  options.encoding = EncodingPolicy::zstd_19;
  options.on_progress = log.listener();
  repack_store(at.store, options);
  const Phases phases = log.phases();
  REQUIRE(phases.size() == 2);
  CHECK(phases[0] == "manifests snapshot 1/1");
  CHECK(phases[1].starts_with("convert byte "));
  // The manifest may be what is wanted already.
  const std::uint64_t converted = std::stoull(phases[1].substr(phases[1].find('/') + 1));
  CHECK(phases[1] == "convert byte " + std::to_string(converted) + "/" + std::to_string(converted));
  CHECK(converted > std::stoull(stored) / 2);
}

}  // namespace pfcache::test
