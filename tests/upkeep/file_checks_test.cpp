#include <doctest/doctest.h>
#include <sys/xattr.h>

#include <algorithm>

#include "pfcache/check.hpp"
#include "pfcache/warm_start_store.hpp"
#include "support/failure.hpp"
#include "upkeep/upkeep_support.hpp"

namespace pfcache::test {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kPayloadBytes = 600'000;  // more than one piece of the checksum

/// A store with a prompt that is kept whole and two warm starts.
struct Fixture : StoreDir {
  DiskKvCache prompts{path / "prompt", kMinPromptBudgetBytes};
  WarmStartStore warm = WarmStartStore::open(path / "warm");
  PromptKey prompt = prompts.save({.text = "a prompt", .header = {}}, Bytes(kPayloadBytes)).info.name.key;
  Fingerprint key;
  std::string run = warm.save(key, Bytes(1000), {});
  std::string other_run = warm.save(key, Bytes(10), {});
  fs::path prompt_file = prompts.path_for(prompt);
  fs::path warm_file = path / "warm" / key.hex() / run;

  [[nodiscard]] VerifyReport check() const { return check_store(store, {{}, true}); }

  /// The one place where there is damage, which is in neither of the other files, and stays by a repair.
  std::string require_damage() {
    const auto before = tree_of(path);
    const VerifyReport report = check();
    REQUIRE(report.damage.size() == 1);
    CHECK(report.prompts == 1);
    CHECK(report.warm_starts == 2);
    CHECK(repair_store(store, {{}, true}, {}).damage == report.damage);
    CHECK(tree_of(path) == before);
    return report.damage.front();
  }
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "whole prompts and warm starts are read when the whole store is checked") {
  const VerifyReport report = check();
  CHECK(report.damage.empty());
  CHECK(report.prompts == 1);
  CHECK(report.unchecked_prompts == 0);
  CHECK(report.warm_starts == 2);
  CHECK(report.bytes == kPayloadBytes + 1010);
  CHECK(check_store(store, {{}, false}).bytes == 0);
}

TEST_CASE_FIXTURE(Fixture, "a damaged payload of a prompt is found, and counted as unchecked when it has no checksum") {
  damage_file(prompt_file);
  CHECK(require_damage().starts_with("prompt " + prompt.hex() + ": "));
  REQUIRE(::removexattr(prompt_file.c_str(), "user.pfcache.payload") == 0);
  const VerifyReport report = check();
  CHECK(report.damage.empty());
  CHECK(report.unchecked_prompts == 1);
}

TEST_CASE_FIXTURE(Fixture, "a prompt that is cut, empty, of another text or of another version is damage") {
  const Bytes whole = read_bytes(prompt_file);
  for (const std::size_t size : {whole.size() - 1, std::size_t{53}, std::size_t{0}}) {
    write_bytes(prompt_file, std::span(whole).first(size));
    CHECK(require_damage().find(prompt.hex()) != std::string::npos);
  }
  for (const std::size_t at : {3U, 53U}) {  // the version, the text
    Bytes changed = whole;
    changed[at] ^= std::byte{1};
    write_bytes(prompt_file, changed);
    CHECK(require_damage().find(prompt.hex()) != std::string::npos);
  }
}

TEST_CASE_FIXTURE(Fixture, "a damaged warm start is found and left for a lookup to remove") {
  const fs::path payload = warm_file.native() + ".bin";
  SUBCASE("another byte") { damage_file(payload); }
  SUBCASE("cut") { fs::resize_file(payload, 999); }
  SUBCASE("empty") { fs::resize_file(payload, 0); }
  CHECK(require_damage() == "warm start " + run + " of " + key.hex() + ": its payload is not what its record says");
}

TEST_CASE_FIXTURE(Fixture, "a warm start is passed over while its payload may come, and when its schema is unknown") {
  fs::remove(warm_file.native() + ".bin");
  const fs::path other = path / "warm" / key.hex() / (other_run + ".json");
  const Bytes json = read_bytes(other);
  std::string text(reinterpret_cast<const char*>(json.data()), json.size());
  text.replace(text.find("\"schema_version\": 1"), 19, "\"schema_version\": 9");
  write_bytes(other, std::as_bytes(std::span(text)));
  const VerifyReport report = check();
  CHECK(report.damage.empty());
  CHECK(report.warm_starts == 0);
}

TEST_CASE_FIXTURE(Fixture, "a request to stop ends the check of prompts") {
  std::stop_source source;
  source.request_stop();
  CHECK(failure_of([&] {
          std::ignore = check_store(store, {{}, true}, {1, source.get_token(), {}});
        }).code == Errc::interrupted);
}

}  // namespace pfcache::test
