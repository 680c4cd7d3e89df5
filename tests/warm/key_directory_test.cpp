#include "warm/key_directory.hpp"

#include <doctest/doctest.h>

#include "warm/warm_support.hpp"

namespace pfcache::test {
namespace {

namespace fs = std::filesystem;
using std::chrono::nanoseconds;

const nanoseconds kNow = std::chrono::system_clock::now().time_since_epoch();

TEST_CASE("what was torn when it was looked at, and is whole by now, is not removed") {
  TempStore it;
  const Fingerprint key = key_for("replaced");
  const std::string run = it.store.save(key, bytes_of("payload"), {});
  const std::string whole = read_text(it.json(key, run));
  write_text(it.json(key, run), "{");
  const auto directory = KeyDirectory::find(Directory::open(it.store.root()), key);
  const EntryLook look = directory->look_at(run, kNow);
  CHECK(look.state == EntryState::damaged);
  write_text(it.json(key, run), whole);
  CHECK(directory->remove_damaged(look, kNow) == 0);
  CHECK(payload_of(it.store, key) == "payload");
  write_text(it.json(key, run), "{");
  CHECK(directory->remove_damaged(look, kNow) == 1 + 7);
  CHECK(names_in(it.key_dir(key)).empty());
}

TEST_CASE("an entry that was overwritten since it was looked at is not what was to be evicted") {
  TempStore it;
  const Fingerprint key = key_for("changed");
  const std::string run = it.store.save(key, bytes_of("old"), {});
  const auto directory = KeyDirectory::find(Directory::open(it.store.root()), key);
  const WarmRun old = directory->look_at(run, kNow).about;
  const std::string newer = it.store.save(key, bytes_of("new"), {});
  fs::rename(it.bin(key, newer), it.bin(key, run));
  fs::rename(it.json(key, newer), it.json(key, run));
  CHECK(directory->remove_unchanged(old) == 0);
  CHECK(payload_of(it.store, key) == "new");
  CHECK(directory->remove_unchanged(directory->look_at(run, kNow).about) > 3);
  CHECK(names_in(it.key_dir(key)).empty());
}

TEST_CASE("a payload without its JSON is a removal or a save under way, a JSON that stays without one is damage") {
  TempStore it;
  const Fingerprint key = key_for("halves");
  const std::string run = it.store.save(key, bytes_of("payload"), {});
  const auto directory = KeyDirectory::find(Directory::open(it.store.root()), key);
  fs::rename(it.bin(key, run), it.key_dir(key) / "aside");
  make_old(it.json(key, run), std::chrono::hours(48));  // as a copy makes it: what counts is when it came
  CHECK(directory->look_at(run, kNow).state == EntryState::arriving);
  const nanoseconds later = kNow + kGraceOfOthers + std::chrono::minutes(1);
  const EntryLook look_later = directory->look_at(run, later);
  CHECK(look_later.state == EntryState::damaged);
  CHECK(directory->remove_damaged(look_later, kNow) == 0);
  fs::rename(it.key_dir(key) / "aside", it.bin(key, run));
  EntryLook look = directory->look_at(run, kNow);
  CHECK(look.state == EntryState::whole);
  fs::remove(it.json(key, run));
  CHECK(directory->look_at(run, kNow).state == EntryState::vanished);
  fs::remove(it.bin(key, run));
  std::ignore = directory->read_payload(look, kNow);
  CHECK(look.state == EntryState::vanished);
}

}  // namespace
}  // namespace pfcache::test
