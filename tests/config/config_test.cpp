#include "pfcache/config.hpp"

#include <doctest/doctest.h>

#include <fstream>
#include <map>
#include <tuple>

#include "pfcache/error.hpp"
#include "support/failure.hpp"
#include "support/temp_dir.hpp"

namespace pfcache::test {
namespace {
namespace fs = std::filesystem;

/// A machine with nothing on it but what a test puts there.
struct Machine {
  TempDir dir;
  std::map<std::string, std::string> variables = {{"HOME", dir.path() / "home"}};
  bool is_root = false;
  std::optional<fs::path> store = dir.path() / "store";

  void write(const fs::path& name, const std::string& text) const {
    fs::create_directories((dir.path() / name).parent_path());
    std::ofstream(dir.path() / name) << text;
  }
  [[nodiscard]] Config load() const {
    return Config::load({.root = dir.path(),
                         .variable = [this](const std::string& name) -> std::optional<std::string> {
                           const auto found = variables.find(name);
                           return found == variables.end() ? std::nullopt : std::optional(found->second);
                         },
                         .is_root = is_root,
                         .store = store});
  }
};

constexpr const char* kSystem = "etc/pfcache/config.toml";
constexpr const char* kUser = "home/.config/pfcache/config.toml";
constexpr const char* kStore = "store/config.toml";

TEST_CASE("without anything every setting is its default") {
  const Config config = Machine().load();
  CHECK(config.size_bytes(Setting::prompt_budget) == std::uint64_t{8} << 30);
  CHECK(config.duration(Setting::gc_grace) == std::chrono::hours(1));
  CHECK_FALSE(config.is_on(Setting::prompt_dedup));
  CHECK(config.number(Setting::mount_threads) == 0);
  CHECK_FALSE(config.value(Setting::mount_hot_size).text);
  CHECK((config.value(Setting::gc_grace).layer == ConfigLayer::built_in));
  CHECK(config.files().size() == 3);
  CHECK(config.problems().empty());
}

TEST_CASE("each layer goes over those before it") {
  Machine machine;
  const auto from = [&] {
    const ConfigValue value = machine.load().value(Setting::warm_budget);
    return std::string(name_of(value.layer)) + " " + value.text.value_or("");
  };
  CHECK(from() == "default 1GiB");
  machine.write(kSystem, "[warm]\nbudget = \"2GiB\"\n");
  CHECK(from() == "system 2GiB");
  machine.write(kUser, "# mine\nwarm.budget = \"3GiB\"\n");
  CHECK(from() == "user 3GiB");
  machine.write(kStore, "format = 1\nwarm.budget = \"4GiB\"\n");
  CHECK(from() == "store 4GiB");
  machine.variables["PFCACHE_WARM_BUDGET"] = "5G";
  CHECK(from() == "environment 5GiB");
  machine.variables["PFCACHE_WARM_BUDGET"] = "";
  CHECK(from() == "store 4GiB");
}

TEST_CASE("a value knows its file and its line") {
  Machine machine;
  machine.write(kUser, "# mine\n\nwarm.budget = \"3GiB\"\n");
  const Config config = machine.load();
  const ConfigValue& value = config.value(Setting::warm_budget);
  CHECK(value.source == (machine.dir.path() / kUser).native());
  CHECK(value.line == 3);
  CHECK_FALSE(config.files()[0].exists);
  CHECK(config.files()[1].exists);
}

TEST_CASE("the store is the command line's, then the variable's, then a file's, then the user's own") {
  Machine machine;
  CHECK(machine.load().store_path() == machine.dir.path() / "store");
  machine.store.reset();
  CHECK(machine.load().store_path() == machine.dir.path() / "home/.local/share/pfcache");
  machine.write(kSystem, "store = \"/srv/kv\"\n");
  CHECK(machine.load().store_path() == "/srv/kv");
  machine.variables["PFCACHE_STORE"] = "relative";
  CHECK(machine.load().store_path() == "relative");
  CHECK(machine.load().value(Setting::store).source == "$PFCACHE_STORE");
}

TEST_CASE("the user's own store and file are where XDG has them, relative paths ignored") {
  Machine machine;
  machine.store.reset();
  machine.variables["XDG_DATA_HOME"] = "/data";
  machine.variables["XDG_CONFIG_HOME"] = machine.dir.path() / "config";
  machine.write("config/pfcache/config.toml", "gc.wait = \"1m\"\n");
  CHECK(machine.load().store_path() == "/data/pfcache");
  CHECK(machine.load().duration(Setting::gc_wait) == std::chrono::minutes(1));
  machine.variables["XDG_DATA_HOME"] = "data";
  CHECK(machine.load().store_path() == machine.dir.path() / "home/.local/share/pfcache");
  machine.is_root = true;
  CHECK(machine.load().store_path() == "/var/lib/pfcache");
}

TEST_CASE("without a home nothing says where the store is") {
  Machine machine;
  machine.store.reset();
  machine.variables.clear();
  const Config config = machine.load();
  CHECK(config.files().size() == 1);
  CHECK(failure_of([&] { std::ignore = config.store_path(); }).code == Errc::invalid_argument);
}

TEST_CASE("what is wrong with a layer is said, and what is right with it holds") {
  Machine machine;
  machine.write(kSystem, "gc.graze = \"2h\"\ngc.wait = \"20s\"\nprompt.budget = \"1MiB\"\n");
  machine.write(kUser, "what is this");
  machine.variables["PFCACHE_MOUNT_VERIFY"] = "never";
  const Config config = machine.load();
  CHECK(config.duration(Setting::gc_wait) == std::chrono::seconds(20));
  CHECK(config.size_bytes(Setting::prompt_budget) == std::uint64_t{8} << 30);
  REQUIRE(config.problems().size() == 4);
  const std::string system = machine.dir.path() / kSystem;
  CHECK(config.problems()[0].message == system + ": line 1: unknown key 'gc.graze'; did you mean 'gc.grace'?");
  CHECK(config.problems()[1].message ==
        system +
            ": line 3: 'prompt.budget': expected a size such as \"8GiB\" or a number of bytes, at least \"64MiB\", "
            "found '1MiB'");
  CHECK(config.problems()[2].message.starts_with((machine.dir.path() / kUser).native() + ": line 1: "));
  CHECK(config.problems()[3].message == "$PFCACHE_MOUNT_VERIFY: expected \"once\" or \"always\", found 'never'");
  CHECK(failure_of([&] { config.require_sound(); }).code == Errc::malformed);
}

TEST_CASE("a file that can't be read is a problem, and one that isn't there is none") {
  Machine machine;
  machine.write(kSystem, std::string(kMaxConfigBytes + 1, '#'));
  fs::create_directories(machine.dir.path() / kUser);
  const Config config = machine.load();
  REQUIRE(config.problems().size() == 2);
  CHECK(config.problems()[0].code == Errc::too_large);
  CHECK(config.problems()[1].message.find(kUser) != std::string::npos);
}

TEST_CASE("keys that say what a store is mean nothing elsewhere, and an empty table does no harm") {
  Machine machine;
  machine.write(kSystem, "[prompt]\n[warm]\n");
  CHECK(machine.load().problems().empty());
  machine.write(kSystem, "profile = \"pf-core\"\n[promt]\n");
  CHECK(machine.load().problems().size() == 2);
}

TEST_CASE("a group of settings is a table and nothing else") {
  Machine machine;
  for (const char* text :
       {"gc = 3", "gc = 1.5", "[[gc]]\ngrace = \"1h\"", "gc = []", "gc = [\"a\"]", "gc = 2020-01-01"}) {
    CAPTURE(text);
    machine.write(kSystem, text);
    const Config config = machine.load();
    REQUIRE(config.problems().size() == 1);
    CHECK(config.problems()[0].text().find("'gc': expected a table, [gc]") != std::string::npos);
  }
}

TEST_CASE("a store of a newer format is unsupported") {
  Machine machine;
  machine.write(kStore, "format = 2\nnews = true\n");
  const Config config = machine.load();
  REQUIRE(config.problems().size() == 1);
  CHECK(config.problems()[0].code == Errc::unsupported);
}

TEST_CASE("an unknown setting is refused with the near one") {
  CHECK(failure_of([] { std::ignore = setting_named("mount.hotsize"); }).what.find("'mount.hot_size'") !=
        std::string::npos);
  CHECK(failure_of([] { std::ignore = setting_named("color"); }).what.find("mean") == std::string::npos);
}

}  // namespace
}  // namespace pfcache::test
