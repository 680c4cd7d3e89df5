#include "pfcache/engine_file.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/mount.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "engine/engine_capture.hpp"
#include "engine/file_record.hpp"
#include "engine/state_builder.hpp"
#include "pfcache/sha256.hpp"
#include "support/temp_dir.hpp"

namespace pfcache {
namespace {

namespace fs = std::filesystem;

constexpr test::BlockSpec kF16{1, 12, 2};
constexpr std::size_t kMinPad = 64;

struct Fixture {
  test::TempDir dir;
  Store store = Store::init(dir.path() / "store");

  [[nodiscard]] fs::path path(std::string_view name) const { return dir.path() / name; }

  [[nodiscard]] fs::path write(const test::StateSpec& spec, std::string_view name = "state.bin") const {
    test::write_file(path(name), test::build_state(spec).bytes);
    return path(name);
  }

  [[nodiscard]] std::size_t entries(std::string_view subdirectory) const {
    const fs::path place = dir.path() / "store" / subdirectory;
    if (!fs::exists(place)) return 0;
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(place), {}));
  }

  // Nothing was sealed or recorded, and no temp file is left.
  void check_untouched() const {
    CHECK(store.catalog().snapshots().empty());
    CHECK(list_file_records(store).empty());
    check_no_temp_files();
  }

  void check_no_temp_files() const {
    for (const auto& entry : fs::recursive_directory_iterator(dir.path())) {
      CHECK_FALSE(entry.path().filename().native().starts_with(".tmp-"));
    }
  }
};

template <typename Call>
std::error_code code_of(Call&& call) {
  try {
    call();
  } catch (const std::system_error& error) {
    return error.code();
  }
  return {};
}

TEST_CASE_FIXTURE(Fixture, "every shape of state comes back byte for byte") {
  int number = 0;
  for (const auto& spec : test::assorted_states()) {
    // In memory as a whole, and in pieces.
    for (const std::uint64_t limit : {std::uint64_t{1} << 30, std::uint64_t{0}}) {
      CAPTURE(number);
      CAPTURE(limit);
      const fs::path file = write(spec, fmt::format("state-{}", number));
      CaptureOptions options;
      options.memory_limit_bytes = limit;
      const EngineCapture capture = capture_engine_file(file, store, {}, options);
      CHECK(capture.record.name == file.filename());
      CHECK(store.catalog().contains(capture.snapshot.digest));
      CHECK(store.manifest(capture.snapshot.digest).problems().empty());
      const auto record = find_file_record(store, file.filename().native());
      REQUIRE(record.has_value());
      CHECK(to_json(*record) == to_json(capture.record));
      const RestoreResult restored = restore_engine_file(store, *record, path("restored"), true);
      CHECK(restored.pages == capture.snapshot.pages);
      CHECK(restored.logical_bytes == capture.snapshot.logical_bytes);
      CHECK(test::read_file(path("restored")) == test::read_file(file));
    }
    ++number;
  }
  check_no_temp_files();
}

TEST_CASE_FIXTURE(Fixture, "a capture says who sealed what, and its record where the bytes are") {
  const fs::path file = write(test::uniform_state(33, 2, kF16));
  const EngineCapture capture = capture_engine_file(file, store, "chat");
  const auto seal = store.catalog().find(capture.snapshot.digest);
  REQUIRE(seal.has_value());
  CHECK(seal->source == file.native());
  CHECK(seal->by.starts_with("pfcache "));
  CHECK(seal->pages == 3);
  CHECK(capture.record.name == "chat");
  CHECK(capture.record.format == "llama.cpp-sequence-state");
  CHECK(capture.record.file == sha256(test::read_file(file)));
  CHECK(capture.record.file_bytes == fs::file_size(file));
  CHECK(capture.record.element == "f16");
  CHECK(store.blobs().get(capture.record.surroundings).size() == capture.record.surroundings_bytes);
}

TEST_CASE_FIXTURE(Fixture, "capturing the same file again adds nothing") {
  const fs::path file = write(test::uniform_state(33, 2, kF16));
  const EngineCapture first = capture_engine_file(file, store);
  const std::uint64_t stored = store.blobs().physical_bytes();
  const EngineCapture second = capture_engine_file(file, store);
  CHECK(second.snapshot.digest == first.snapshot.digest);
  CHECK(second.snapshot.added_blobs == 0);
  CHECK(store.blobs().physical_bytes() == stored);
  CHECK(list_file_records(store).size() == 1);
}

TEST_CASE_FIXTURE(Fixture, "a session that went on is recorded under its name, and the earlier one stays restorable") {
  const fs::path file = write(test::uniform_state(33, 2, kF16));
  const auto earlier_bytes = test::read_file(file);
  const FileRecord earlier = capture_engine_file(file, store, "chat").record;
  static_cast<void>(write(test::uniform_state(50, 2, kF16)));
  const FileRecord later = capture_engine_file(file, store, "chat").record;
  CHECK(find_file_record(store, "chat")->file == later.file);
  const auto aside = find_file_record(store, "chat." + earlier.file.hex().substr(0, 12));
  REQUIRE(aside.has_value());
  restore_engine_file(store, *aside, path("restored"));
  CHECK(test::read_file(path("restored")) == earlier_bytes);
}

TEST_CASE_FIXTURE(Fixture, "a bad name is refused before anything is read") {
  for (const std::string name : {"", ".", "../x", "a/b", ".hidden"}) {
    CHECK(code_of([&] { capture_engine_file(path("absent"), store, name); }) == Errc::invalid_argument);
  }
}

TEST_CASE_FIXTURE(Fixture, "a file cut off anywhere is refused and leaves no snapshot, record or temp file") {
  const auto built = test::build_state(test::uniform_state(3, 2, kF16));
  for (std::size_t size = 0; size < built.bytes.size(); size += size < kMinPad ? 1 : 5) {
    CAPTURE(size);
    test::write_file(path("cut"), std::span(built.bytes).first(size));
    CHECK(code_of([&] { capture_engine_file(path("cut"), store); }) == Errc::malformed);
  }
  check_untouched();
}

TEST_CASE_FIXTURE(Fixture, "what is not a regular file, or not there, is refused") {
  CHECK(code_of([&] { capture_engine_file(path("absent"), store); }) == Errc::not_found);
  CHECK(code_of([&] { capture_engine_file(dir.path(), store); }) == Errc::invalid_argument);
  CHECK(code_of([&] { static_cast<void>(is_engine_file(path("absent"))); }) == Errc::not_found);
  CHECK_FALSE(is_engine_file(dir.path()));
}

TEST_CASE_FIXTURE(Fixture, "an engine file is known by its first bytes") {
  CHECK(is_engine_file(write(test::uniform_state(1, 1, kF16))));
  for (const std::string_view text : {"", "qsg", "GGUF", "{\"layout\":1}"}) {
    test::write_file(path("other"), std::as_bytes(std::span(text.data(), text.size())));
    CHECK_FALSE(is_engine_file(path("other")));
  }
}

TEST_CASE_FIXTURE(Fixture, "a stop leaves no snapshot, record, temp file or restored file") {
  const fs::path file = write(test::uniform_state(33, 2, kF16));
  std::stop_source stop;
  stop.request_stop();
  CaptureOptions options;
  options.stop = stop.get_token();
  CHECK(code_of([&] { capture_engine_file(file, store, {}, options); }) == Errc::interrupted);
  check_untouched();

  const FileRecord record = capture_engine_file(file, store).record;
  RestoreOptions restore_options;
  restore_options.stop = stop.get_token();
  CHECK(code_of([&] { restore_engine_file(store, record, path("restored"), false, restore_options); }) ==
        Errc::interrupted);
  CHECK_FALSE(fs::exists(path("restored")));
  check_no_temp_files();
}

// Flips one bit without changing the file's time: only the second hash can tell.
void flip_bit(const fs::path& file, std::streamoff at) {
  const auto time = fs::last_write_time(file);
  std::fstream stream(file, std::ios::binary | std::ios::in | std::ios::out);
  stream.seekg(at);
  const auto byte = static_cast<char>(stream.get() ^ 1);
  stream.seekp(at);
  stream.put(byte);
  stream.close();
  fs::last_write_time(file, time);
}

TEST_CASE_FIXTURE(Fixture, "a file too large for memory that changes while it is read is refused as busy") {
  const fs::path file = write(test::uniform_state(33, 2, kF16));
  const SourceFile source(file, {.memory_limit_bytes = 0, .threads = 1, .stop = {}});
  SUBCASE("in its rows") { flip_bit(file, static_cast<std::streamoff>(fs::file_size(file)) - 1); }
  SUBCASE("in time only, as one that changed and changed back") {
    fs::last_write_time(file, fs::last_write_time(file) + std::chrono::seconds(1));
  }
  SUBCASE("by growing") { std::ofstream(file, std::ios::app) << "more"; }
  SUBCASE("by shrinking before its end is read") { fs::resize_file(file, fs::file_size(file) - 1); }
  CHECK(code_of([&] { capture_source(source, store, "chat", {}); }) == Errc::busy);
  check_untouched();
}

TEST_CASE_FIXTURE(Fixture, "a file that fits the memory is captured as it was read") {
  const fs::path file = write(test::uniform_state(33, 2, kF16));
  const auto bytes = test::read_file(file);
  const SourceFile source(file, {.memory_limit_bytes = bytes.size(), .threads = 1, .stop = {}});
  fs::resize_file(file, 0);
  const FileRecord record = capture_source(source, store, "chat", {}).record;
  restore_engine_file(store, record, path("restored"));
  CHECK(test::read_file(path("restored")) == bytes);
}

TEST_CASE_FIXTURE(Fixture, "a file that is there is not replaced unless that is wanted") {
  const FileRecord record = capture_engine_file(write(test::uniform_state(33, 2, kF16)), store).record;
  const std::string mine = "mine";
  test::write_file(path("restored"), std::as_bytes(std::span(mine)));
  CHECK(code_of([&] { restore_engine_file(store, record, path("restored")); }) == Errc::already_exists);
  CHECK(test::read_file(path("restored")).size() == mine.size());
  restore_engine_file(store, record, path("restored"), true);
  CHECK(test::read_file(path("restored")) == test::read_file(path("state.bin")));
  check_no_temp_files();
}

TEST_CASE_FIXTURE(Fixture, "a destination that can't be is refused") {
  const FileRecord record = capture_engine_file(write(test::uniform_state(33, 2, kF16)), store).record;
  CHECK(code_of([&] { restore_engine_file(store, record, path("absent") / "restored"); }) == Errc::not_found);
  CHECK(code_of([&] { restore_engine_file(store, record, path("absent") / ""); }) == Errc::invalid_argument);
  CHECK(code_of([&] { restore_engine_file(store, record, dir.path(), true); }) != std::error_code());
  check_no_temp_files();
}

// Makes the stored blob decode to other bytes.
void damage_blob(const fs::path& store, const Digest& digest) {
  const fs::path shard = store / "blobs" / "sha256" / digest.hex().substr(0, 2);
  std::size_t damaged = 0;
  for (const auto& entry : fs::directory_iterator(shard)) {
    if (!entry.path().filename().native().starts_with(digest.hex())) continue;
    fs::permissions(entry.path(), fs::perms::owner_write, fs::perm_options::add);
    flip_bit(entry.path(), static_cast<std::streamoff>(fs::file_size(entry.path())) - 1);
    ++damaged;
  }
  REQUIRE(damaged == 1);
}

TEST_CASE_FIXTURE(Fixture, "damage in any blob fails the restore and leaves no file") {
  const FileRecord record = capture_engine_file(write(test::uniform_state(33, 2, kF16)), store).record;
  const PageEntry page = store.manifest(record.snapshot).pages[1];
  SUBCASE("K of a page") { damage_blob(store.path(), page.k); }
  SUBCASE("V of a page") { damage_blob(store.path(), page.v); }
  SUBCASE("the surroundings") { damage_blob(store.path(), record.surroundings); }
  SUBCASE("the manifest") { damage_blob(store.path(), record.snapshot); }
  CHECK(code_of([&] { restore_engine_file(store, record, path("restored")); }) == Errc::damaged);
  CHECK_FALSE(fs::exists(path("restored")));
  check_no_temp_files();
}

TEST_CASE_FIXTURE(Fixture, "damage in a transposed page fails the restore and leaves no file") {
  const FileRecord record = capture_engine_file(write(test::uniform_state(33, 2, kF16, true)), store).record;
  damage_blob(store.path(), store.manifest(record.snapshot).pages[1].v);
  CHECK(code_of([&] { restore_engine_file(store, record, path("restored")); }) == Errc::damaged);
  CHECK_FALSE(fs::exists(path("restored")));
}

TEST_CASE_FIXTURE(Fixture, "a record that was tampered with never gives a wrong file") {
  const FileRecord good = capture_engine_file(write(test::uniform_state(33, 2, kF16)), store).record;
  const FileRecord shorter = capture_engine_file(write(test::uniform_state(30, 2, kF16), "shorter"), store).record;
  const FileRecord wider = capture_engine_file(write(test::uniform_state(33, 2, {30, 20, 2}), "wider"), store).record;
  FileRecord record = good;
  std::error_code expected = make_error_code(Errc::damaged);
  SUBCASE("the file's digest") { record.file = shorter.file; }
  SUBCASE("the file's size") { record.file_bytes += 1; }
  SUBCASE("a size of petabytes") { record.file_bytes = std::uint64_t{1} << 60; }
  SUBCASE("the size of the surroundings") { record.surroundings_bytes -= 1; }
  SUBCASE("other surroundings of the same geometry") {
    record.surroundings = shorter.surroundings;
    record.surroundings_bytes = shorter.surroundings_bytes;
    record.file_bytes = shorter.file_bytes;
    expected = make_error_code(Errc::mismatch);
  }
  SUBCASE("pages of another geometry") {
    record.snapshot = wider.snapshot;
    expected = make_error_code(Errc::mismatch);
  }
  SUBCASE("an unknown format") {
    record.format = "another";
    expected = make_error_code(Errc::unsupported);
  }
  CHECK(code_of([&] { restore_engine_file(store, record, path("restored")); }) == expected);
  CHECK_FALSE(fs::exists(path("restored")));
  check_no_temp_files();
}

class SmallFilesystem {
 public:
  explicit SmallFilesystem(fs::path path) : path_(std::move(path)) {
    fs::create_directory(path_);
    mounted_ = ::mount("tmpfs", path_.c_str(), "tmpfs", 0, "size=64k") == 0;
  }
  ~SmallFilesystem() {
    if (mounted_) ::umount2(path_.c_str(), MNT_DETACH);
  }
  SmallFilesystem(const SmallFilesystem&) = delete;
  SmallFilesystem& operator=(const SmallFilesystem&) = delete;
  [[nodiscard]] bool is_mounted() const { return mounted_; }

 private:
  fs::path path_;
  bool mounted_ = false;
};

TEST_CASE_FIXTURE(Fixture, "a full disk is told as such and nothing is left on it") {
  const SmallFilesystem small(path("small"));
  if (!small.is_mounted()) {
    MESSAGE("SKIPPED: needs root, to mount a tmpfs");
    return;
  }
  const FileRecord record = capture_engine_file(write(test::uniform_state(3000, 2, kF16)), store).record;
  REQUIRE(record.file_bytes > 65536);
  CHECK(code_of([&] { restore_engine_file(store, record, path("small") / "restored"); }) ==
        std::errc::no_space_on_device);
  CHECK(fs::is_empty(path("small")));
}

}  // namespace
}  // namespace pfcache
