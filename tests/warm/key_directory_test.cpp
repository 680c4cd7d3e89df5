#include "warm/key_directory.hpp"

#include <doctest/doctest.h>

#include "warm/warm_support.hpp"

namespace pfcache::test {
namespace {

namespace fs = std::filesystem;

TEST_CASE("what was torn when it was looked at, and is whole by now, is not removed") {
  TempStore it;
  const Fingerprint key = key_for("replaced");
  const std::string run = it.store.save(key, bytes_of("payload"), {});
  const std::string whole = read_text(it.json(key, run));
  write_text(it.json(key, run), "{");
  const auto directory = KeyDirectory::find(Directory::open(it.store.root()), key);
  const EntryLook look = directory->look_at(run);
  CHECK(look.state == EntryState::damaged);
  write_text(it.json(key, run), whole);
  CHECK(directory->remove_damaged(look) == 0);
  CHECK(payload_of(it.store, key) == "payload");
  write_text(it.json(key, run), "{");
  CHECK(directory->remove_damaged(look) == 1 + 7);
  CHECK(names_in(it.key_dir(key)).empty());
}

TEST_CASE("a payload without its JSON is a removal or a save under way, a JSON without its payload is damage") {
  TempStore it;
  const Fingerprint key = key_for("halves");
  const std::string run = it.store.save(key, bytes_of("payload"), {});
  const auto directory = KeyDirectory::find(Directory::open(it.store.root()), key);
  fs::rename(it.bin(key, run), it.key_dir(key) / "aside");
  CHECK(directory->look_at(run).state == EntryState::damaged);
  fs::rename(it.key_dir(key) / "aside", it.bin(key, run));
  EntryLook look = directory->look_at(run);
  CHECK(look.state == EntryState::whole);
  fs::remove(it.json(key, run));
  CHECK(directory->look_at(run).state == EntryState::vanished);
  fs::remove(it.bin(key, run));
  std::ignore = directory->read_payload(look);
  CHECK(look.state == EntryState::vanished);
}

}  // namespace
}  // namespace pfcache::test
