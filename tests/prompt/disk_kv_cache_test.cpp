#include "pfcache/disk_kv_cache.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <thread>

#include "base/bytes.hpp"
#include "base/directory.hpp"
#include "pfcache/unique_fd.hpp"
#include "prompt/prompt_support.hpp"
#include "support/failure.hpp"
#include "support/temp_dir.hpp"

namespace pfcache::test {
namespace {

namespace fs = std::filesystem;

void flip(const fs::path& path, std::size_t at) {
  std::string bytes = slurp(path);
  bytes.at(at) = static_cast<char>(bytes.at(at) ^ 1);
  const UniqueFd fd(::open(path.c_str(), O_WRONLY));  // in place: what a bad disk does keeps the attributes
  REQUIRE(::pwrite(fd.get(), bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size()));
}

std::string found(const DiskKvCache& cache, std::string_view prompt, const PromptFilter& filter = {}) {
  const auto info = cache.find_longest(prompt, filter);
  return info ? info->name.key.hex() : "";
}

void make_old(const fs::path& path) {
  fs::last_write_time(path, fs::file_time_type::clock::now() - std::chrono::hours(2));
}

}  // namespace

TEST_CASE("what is saved is loaded, from memory, a file and a pipe") {
  const TempDir dir;
  DiskKvCache cache(dir.path(), kBudget);
  for (const std::size_t size : {0U, 1U, 5000U, 262144U, 4194304U, 4194305U, 9000000U}) {
    CAPTURE(size);
    const std::string payload = payload_of(size, size);
    CHECK(save(cache, "memory", payload).has_checksum);
    CHECK(payload_of(cache, "memory") == payload);

    spew(dir.path() / "source", payload);
    const UniqueFd file(::open((dir.path() / "source").c_str(), O_RDONLY));
    cache.save({.text = "file", .header = {}}, file.get());
    CHECK(payload_of(cache, "file") == payload);

    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    const UniqueFd read_end(ends[0]);
    std::jthread writer([&, write_end = UniqueFd(ends[1])] {
      for (std::size_t at = 0; at < payload.size();) {
        const ssize_t count =
            ::write(write_end.get(), payload.data() + at, std::min<std::size_t>(payload.size() - at, 70000));
        at += static_cast<std::size_t>(count);
      }
    });
    cache.save({.text = "pipe", .header = {}}, read_end.get());
    CHECK(payload_of(cache, "pipe") == payload);
  }
}

TEST_CASE("a payload is read in parts, and not beyond its end") {
  const TempDir dir;
  DiskKvCache cache(dir.path(), kBudget);
  const std::string payload = payload_of(100'000, 1);
  save(cache, "t", payload);
  const auto loaded = cache.load(DiskKvCache::key_for("t"));
  std::string part(777, '\0');
  loaded->read_payload(12'345, std::as_writable_bytes(std::span(part)));
  CHECK(part == payload.substr(12'345, 777));
  for (const std::uint64_t offset : {std::uint64_t{99'224}, std::uint64_t{100'001}, ~std::uint64_t{0}}) {
    CHECK(failure_of([&] { loaded->read_payload(offset, std::as_writable_bytes(std::span(part))); }).code ==
          Errc::invalid_argument);
  }
}

TEST_CASE("a payload that changed since it was saved is never given out") {
  const TempDir dir;
  DiskKvCache cache(dir.path(), kBudget);
  const auto result = save(cache, "text", payload_of(600'000, 1));
  const fs::path path = cache.path_for(result.info.name.key);
  REQUIRE(cache.load(result.info.name.key)->is_verified());
  for (const std::size_t at : {std::size_t{56}, std::size_t{56 + 300'000}, std::size_t{56 + 599'999}}) {
    flip(path, at);
    CHECK(failure_of([&] { std::ignore = cache.load(result.info.name.key); }).code == Errc::damaged);
    CHECK_FALSE(cache.load(result.info.name.key, {.verify = false})->is_verified());
    flip(path, at);
  }
  CHECK(cache.load(result.info.name.key)->is_verified());
}

TEST_CASE("an entry without a checksum says that it is unverified") {
  const TempDir dir;
  DiskKvCache cache(dir.path(), kBudget);
  const auto result = save(cache, "text", "payload");
  const fs::path path = cache.path_for(result.info.name.key);
  REQUIRE(::removexattr(path.c_str(), "user.pfcache.payload") == 0);
  CHECK_FALSE(cache.load(result.info.name.key)->is_verified());
  // One that another program renamed over ours has none either, and is not held to the old one's.
  save(cache, "text", "payload");
  std::string other = slurp(path);
  other.back() = 'X';
  spew(dir.path() / "x.tmp.1", other);
  fs::rename(dir.path() / "x.tmp.1", path);
  auto loaded = cache.load(result.info.name.key);
  CHECK_FALSE(loaded->is_verified());
  CHECK(as_text(loaded->payload()) == "payloaX");
}

TEST_CASE("a load counts a hit and notes the time, and nothing else changes") {
  const TempDir dir;
  DiskKvCache cache(dir.path(), kBudget, options_at());
  const auto key = cache.save(golden_prompt(), as_bytes(kGoldenPayload)).info.name.key;
  std::ignore = cache.load(key);
  std::ignore = cache.load(key);
  std::ignore = cache.load(key, {.touch = false});
  const auto info = cache.find(key);
  CHECK(info->header.hit_count == 7);
  CHECK(info->header.last_used_unix_secs == kNow);
  std::string bytes = slurp(cache.path_for(key));
  const std::string golden = from_hex_text(kGoldenHex);
  bytes.replace(12, 4, golden.substr(12, 4)).replace(32, 8, golden.substr(32, 8));
  CHECK(bytes == golden);
}

TEST_CASE("a hit never lands in a newer file that has taken the name") {
  const TempDir dir;
  DiskKvCache other(dir.path(), kBudget);
  DiskKvCacheOptions options;
  options.now_unix_secs = [&] {  // asked for after the payload was read and before the hit is counted
    save(other, "t", "newer");
    return kNow;
  };
  const auto key = save(other, "t", "old").info.name.key;
  const DiskKvCache cache(dir.path(), kBudget, options);
  auto loaded = cache.load(key);
  CHECK(as_text(loaded->payload()) == "old");
  CHECK(other.find(key)->header.hit_count == 0);
  CHECK(other.find(key)->header.last_used_unix_secs != kNow);
}

TEST_CASE("to find and list entries their headers are read, and nothing of their payloads") {
  const TempDir dir;
  DiskKvCache writer(dir.path(), kBudget);
  for (const char* text : {"a", "ab", "abc"}) save(writer, text, std::string(5 << 20, 'p'));
  const IoCount before = io_count();
  DiskKvCache cache(dir.path(), kBudget);
  CHECK(cache.list().entries.size() == 3);
  CHECK(cache.find(DiskKvCache::key_for("ab")));
  CHECK(cache.find_longest("abc"));
  CHECK(cache.evict_to_budget().entries == 0);
  CHECK(io_count().bytes - before.bytes < 4096);
}

TEST_CASE("to load an entry by its key no other is read") {
  const TempDir dir;
  DiskKvCache writer(dir.path(), kBudget);
  for (int i = 0; i < 100; ++i) save(writer, "text " + std::to_string(i), "payload");
  const IoCount before = io_count();
  DiskKvCache cache(dir.path(), kBudget);
  CHECK(cache.load(DiskKvCache::key_for("text 7")));
  CHECK(cache.remove(DiskKvCache::key_for("text 8")));
  CHECK(io_count().reads - before.reads < 20);
  CHECK(cache.list().entries.size() == 99);
}

TEST_CASE("an entry that was replaced or removed while it is open keeps its bytes, and gets no hit") {
  const TempDir dir;
  DiskKvCache cache(dir.path(), kBudget);
  const auto key = save(cache, "t", "old").info.name.key;
  auto loaded = cache.load(key);
  save(cache, "t", "newer");
  CHECK(as_text(loaded->payload()) == "old");
  CHECK(cache.find(key)->header.hit_count == 0);
  CHECK(cache.remove(key));
  CHECK_FALSE(cache.remove(key));
  CHECK_FALSE(cache.load(key));
  CHECK(as_text(loaded->payload()) == "old");
}

TEST_CASE("of the stored texts the longest that a prompt starts with is found") {
  const TempDir dir;
  DiskKvCache cache(dir.path(), kBudget);
  CHECK(found(cache, "anything").empty());
  const std::string a = save(cache, "The quick ", "1").info.name.key.hex();
  const std::string b = save(cache, "The quick brown fox", "2").info.name.key.hex();
  save(cache, "The quick brown fox jumps over", "3");
  save(cache, "A quick brown fox", "4");
  CHECK(found(cache, "The quick brown fox jumps") == b);
  CHECK(found(cache, "The quick brown fox") == b);
  CHECK(found(cache, "The quick brown fo") == a);
  CHECK(found(cache, "The quick") == "");
  CHECK(found(cache, "") == "");
  const std::string empty = save(cache, "", "5").info.name.key.hex();
  CHECK(found(cache, "") == empty);
  CHECK(found(cache, "zzz") == empty);
}

TEST_CASE("texts that end alike are told apart by all their bytes") {
  const TempDir dir;
  DiskKvCache cache(dir.path(), kBudget);
  const std::string tail = "<|assistant|>";
  const std::string right = save(cache, "right" + std::string(200'000, 'm') + tail, "1").info.name.key.hex();
  save(cache, "wrong" + std::string(200'000, 'm') + tail, "2");
  save(cache, "right" + std::string(100'000, 'm') + "x" + std::string(99'999, 'm') + tail, "3");
  CHECK(found(cache, "right" + std::string(200'000, 'm') + tail + " more") == right);
}

TEST_CASE("entries that the engine can't use are passed over") {
  const TempDir dir;
  DiskKvCache cache(dir.path(), kBudget);
  PromptHeader header;
  header.quant_bits = 2;
  header.token_count = 100;
  const std::string small = save(cache, "ab", "1", header).info.name.key.hex();
  header.quant_bits = 4;
  header.token_count = 200;
  header.model_id = 3;
  const std::string big = save(cache, "abcd", "2", header).info.name.key.hex();
  CHECK(found(cache, "abcdef") == big);
  CHECK(found(cache, "abcdef", {.quant_bits = 2, .model_id = {}, .max_tokens = {}}) == small);
  CHECK(found(cache, "abcdef", {.quant_bits = {}, .model_id = 0, .max_tokens = {}}) == small);
  CHECK(found(cache, "abcdef", {.quant_bits = {}, .model_id = {}, .max_tokens = 199}) == small);
  CHECK(found(cache, "abcdef", {.quant_bits = 8, .model_id = {}, .max_tokens = {}}).empty());
}

TEST_CASE("an interrupted save leaves nothing") {
  const TempDir dir;
  DiskKvCache cache(dir.path(), kBudget);
  std::stop_source stop;
  stop.request_stop();
  CHECK(failure_of([&] { cache.save({.text = "t", .header = {}}, as_bytes("p"), stop.get_token()); }).code ==
        Errc::interrupted);
  CHECK(names_in(dir.path()).empty());
}

TEST_CASE("a directory that another process holds is busy") {
  const TempDir dir;
  DiskKvCacheOptions options = options_at();
  options.lock_wait = std::chrono::milliseconds(20);
  DiskKvCache cache(dir.path(), kBudget, options);
  save(cache, "t", "kept");
  const UniqueFd other(::open(dir.path().c_str(), O_RDONLY | O_DIRECTORY));
  REQUIRE(::flock(other.get(), LOCK_EX) == 0);
  CHECK(failure_of([&] { save(cache, "t", "new"); }).code == Errc::busy);
  CHECK(failure_of([&] { cache.evict_to_budget(); }).code == Errc::busy);
  CHECK(payload_of(cache, "t") == "kept");
  CHECK(names_in(dir.path()).size() == 1);
}

TEST_CASE("temp files are swept when they are old, and never while somebody writes them") {
  const TempDir dir;
  DiskKvCache cache(dir.path(), kBudget);
  const std::string mine = ".tmp.kv.tmp." + std::to_string(::getpid());
  const std::vector<std::string> names = {".tmp-0000000000000001",
                                          ".tmp-0000000000000002",
                                          ".tmp-0000000000000003",
                                          "a.kv.tmp.4194399",
                                          mine,
                                          "a.kv.tmp.x",
                                          "other"};
  for (const std::string& name : names) {
    spew(dir.path() / name, "half");
    if (name != ".tmp-0000000000000002") make_old(dir.path() / name);
  }
  const UniqueFd live(::open((dir.path() / ".tmp-0000000000000003").c_str(), O_RDWR));
  REQUIRE(::flock(live.get(), LOCK_EX) == 0);
  CHECK(cache.sweep_temp_files() == 2);
  CHECK(names_in(dir.path()) ==
        std::vector<std::string>{".tmp-0000000000000002", ".tmp-0000000000000003", mine, "a.kv.tmp.x", "other"});
}

TEST_CASE("what a save is writing isn't swept, however old it is said to be") {
  const TempDir dir;
  DiskKvCache cache(dir.path(), kBudget);
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const UniqueFd read_end(ends[0]);
  UniqueFd write_end(ends[1]);
  std::jthread saving([&] { cache.save({.text = "t", .header = {}}, read_end.get()); });
  while (names_in(dir.path()).empty() || fs::file_size(dir.path() / names_in(dir.path()).front()) == 0) {
    std::this_thread::yield();  // it is locked by the time its header is written
  }
  CHECK(cache.sweep_temp_files(std::chrono::seconds(0)) == 0);
  REQUIRE(::write(write_end.get(), "payload", 7) == 7);
  write_end.reset();
  saving.join();
  CHECK(payload_of(cache, "t") == "payload");
}

TEST_CASE("a save and an eviction sweep, and nothing that only reads does") {
  const TempDir dir;
  const auto leave_temp = [&] {
    spew(dir.path() / ".tmp-0000000000000001", "half");
    make_old(dir.path() / ".tmp-0000000000000001");
  };
  leave_temp();
  DiskKvCache cache(dir.path(), kBudget);
  std::ignore = cache.list();
  CHECK(names_in(dir.path()).size() == 1);  // reading writes nothing
  save(cache, "t", "p");
  CHECK(names_in(dir.path()) == std::vector<std::string>{DiskKvCache::key_for("t").hex() + ".kv"});
  leave_temp();
  cache.evict_to_budget();
  CHECK(names_in(dir.path()).size() == 1);
}

TEST_CASE("a file that somebody else wrote is checked, counted and given a checksum") {
  const TempDir dir;
  DiskKvCache cache(dir.path(), kBudget);
  const fs::path path = dir.path() / (kGoldenKey + ".kv");
  spew(dir.path() / ".tmp.77", from_hex_text(kGoldenHex));
  fs::rename(dir.path() / ".tmp.77", path);
  const auto info = cache.adopt(kGoldenKey + ".kv");
  CHECK(info.header.token_count == 17);
  CHECK(cache.total_bytes() == from_hex_text(kGoldenHex).size());
  CHECK(cache.load(info.name.key)->is_verified());

  // As ds4 appends a trailer: cut behind the payload, then written on.
  REQUIRE(::truncate(path.c_str(), static_cast<off_t>(info.file_bytes)) == 0);
  spew(path, slurp(path) + "KTM trailer");
  CHECK(cache.adopt(kGoldenKey + ".kv").trailer_bytes == 11);
  CHECK(cache.total_bytes() == from_hex_text(kGoldenHex).size() + 11);

  CHECK(failure_of([&] { cache.adopt("../x.kv"); }).code == Errc::invalid_argument);
  CHECK(failure_of([&] { cache.adopt(std::string(40, 'a') + ".kv"); }).code == Errc::not_found);
}

TEST_CASE("a checksum stays through a rewrite of the header, and goes before one of the payload") {
  const TempDir dir;
  DiskKvCache cache(dir.path(), kBudget);
  const fs::path path = dir.path() / (kGoldenKey + ".kv");
  const auto name = cache.save(golden_prompt(), as_bytes(kGoldenPayload)).info.name;
  const auto rewrite = [&](std::size_t offset, std::string_view text) {
    const UniqueFd fd(::open(path.c_str(), O_RDWR));
    REQUIRE(::pwrite(fd.get(), text.data(), text.size(), static_cast<off_t>(offset)) == ssize_t(text.size()));
  };
  rewrite(12, "\x09");
  cache.adopt(kGoldenKey + ".kv");
  CHECK(cache.load(name.key)->is_verified());

  // What nobody announced stays damage, however often the file is adopted.
  rewrite(80, "X");
  cache.adopt(kGoldenKey + ".kv");
  CHECK(failure_of([&] { std::ignore = cache.load(name.key); }).code == Errc::damaged);

  const UniqueFd fd(::open(path.c_str(), O_RDWR));
  const PromptInfo info = read_prompt_info(fd.get(), name, path.native());
  CHECK(failure_of([&] { verify_prompt_payload(fd.get(), info, path.native()); }).code == Errc::damaged);
  drop_prompt_checksum(fd.get(), path.native());
  drop_prompt_checksum(fd.get(), path.native());
  CHECK_FALSE(verify_prompt_payload(fd.get(), info, path.native()));
  cache.adopt(kGoldenKey + ".kv");
  CHECK(verify_prompt_payload(fd.get(), info, path.native()));
}

TEST_CASE("a file that is written to while its checksum is made gets none") {
  /// Writes into the payload just before the attribute is set, as another descriptor may.
  struct Meanwhile final : FileOps {
    fs::path path;
    int set_attribute(int fd, const char* name, const void* bytes, size_t size_bytes) override {
      const UniqueFd other(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
      REQUIRE(::pwrite(other.get(), "X", 1, 80) == 1);
      return FileOps::set_attribute(fd, name, bytes, size_bytes);
    }
  } ops;
  const TempDir dir;
  ops.path = dir.path() / (kGoldenKey + ".kv");
  DiskKvCache cache(Directory::open(dir.path(), ops), kBudget);
  spew(ops.path, from_hex_text(kGoldenHex));
  const auto key = cache.adopt(kGoldenKey + ".kv").name.key;
  const auto loaded = cache.load(key);
  REQUIRE(loaded);
  CHECK_FALSE(loaded->is_verified());
  // Who wrote closes the file after that.
  DiskKvCache quiet(dir.path(), kBudget);
  quiet.adopt(kGoldenKey + ".kv");
  CHECK(quiet.load(key)->is_verified());
}

TEST_CASE("rsync's files in flight are known for what they are") {
  CHECK(is_prompt_temp_name("." + kGoldenKey + ".kv.aB3dE5"));
  CHECK_FALSE(is_prompt_temp_name("." + kGoldenKey + ".kv"));
  CHECK_FALSE(is_prompt_temp_name(kGoldenKey + ".kv.aB3dE5"));
  CHECK_FALSE(is_prompt_temp_name(".x.kv.aB3dE5"));
  CHECK_FALSE(is_prompt_temp_name("."));
}

TEST_CASE("a file that somebody else wrote makes room for itself") {
  const TempDir dir;
  DiskKvCache cache(dir.path(), kBudget, options_at());
  const TempDir elsewhere;
  DiskKvCache other(elsewhere.path(), kBudget, options_at());
  const std::string payload(30 << 20, 'p');
  save(cache, "a", payload);
  save(cache, "b", payload);
  const auto name = save(other, "c", payload).info.name.file_name();
  fs::copy_file(elsewhere.path() / name, dir.path() / name);
  cache.adopt(name);
  CHECK(names_in(dir.path()).size() == 2);
  CHECK(cache.find(DiskKvCache::key_for("c")));
}

TEST_CASE("threads save, load and look up at once") {
  const TempDir dir;
  DiskKvCache cache(dir.path(), kBudget);
  std::vector<std::jthread> threads;
  std::atomic<int> wrong = 0;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 30; ++i) {
        const std::string text = "text " + std::to_string((i + t) % 5);
        cache.save({.text = text, .header = {}}, as_bytes(text));
        auto loaded = cache.load(DiskKvCache::key_for(text));
        if (!loaded || as_text(loaded->payload()) != text) ++wrong;
        if (!cache.find_longest(text + " and more")) ++wrong;
      }
    });
  }
  threads.clear();
  CHECK(wrong == 0);
  CHECK(names_in(dir.path()).size() == 5);
}

}  // namespace pfcache::test
