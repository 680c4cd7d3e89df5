#include "pfcache/config.hpp"

#include <doctest/doctest.h>

#include "cli/runner.hpp"
#include "cli/values.hpp"
#include "pfcache/disk_kv_cache.hpp"
#include "pfcache/gc.hpp"
#include "pfcache/store.hpp"
#include "pfcache/warm_start_store.hpp"

using namespace pfcache;
using namespace pfcache::test;
namespace fs = std::filesystem;

namespace {

void configure(const Runner& runner, const std::string& text) {
  fs::create_directories(runner.path("etc/pfcache"));
  write_file(runner.path("etc/pfcache/config.toml"), text);
}

World world_of(const Runner& runner) { return {.root = runner.path()}; }

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("the defaults are those of the library") {
  const Config config = Config::load({.root = "/nonexistent", .variable = [](const auto&) { return std::nullopt; }});
  CHECK(config.size_bytes(Setting::prompt_budget) == kDefaultPromptBudgetBytes);
  CHECK((DiskKvCacheOptions().policy == EvictionPolicy::value));
  CHECK(config.text(Setting::prompt_policy) == "value");
  CHECK(config.is_on(Setting::prompt_dedup) == DiskKvCacheOptions().dedup);
  CHECK(config.size_bytes(Setting::warm_budget) == WarmStartOptions().size_budget_bytes);
  CHECK(config.duration(Setting::warm_ttl) == WarmStartOptions().ttl);
  CHECK(config.duration(Setting::gc_grace) == GcOptions().grace);
  CHECK(config.duration(Setting::gc_wait) == GcOptions().wait);
  CHECK(config.duration(Setting::staging_keep) == Store::kDefaultStagingKeep);
}

TEST_CASE("the limits are those of the library") {
  const auto problems = [](const char* name, const std::string& text) {
    const auto variable = [&](const std::string& asked) { return asked == name ? std::optional(text) : std::nullopt; };
    return Config::load({.root = "/nonexistent", .variable = variable}).problems().size();
  };
  CHECK(problems("PFCACHE_PROMPT_BUDGET", std::to_string(kMinPromptBudgetBytes)) == 0);
  CHECK(problems("PFCACHE_PROMPT_BUDGET", std::to_string(kMinPromptBudgetBytes - 1)) == 1);
  CHECK(problems("PFCACHE_MOUNT_THREADS", std::to_string(cli::kMaxThreads)) == 0);
  CHECK(problems("PFCACHE_MOUNT_THREADS", std::to_string(cli::kMaxThreads + 1)) == 1);
}

TEST_CASE("config shows every value and where it comes from") {
  const Runner runner;
  configure(runner, "# ours\ngc.grace = \"2h\"\n");
  World world = world_of(runner);
  world.variables["PFCACHE_WARM_TTL"] = "7d";
  const Result result = runner.run({"config"}, world);
  CHECK(result.status == 0);
  CHECK(has(result.out, "gc.grace           2h"));
  CHECK(has(result.out, runner.path("etc/pfcache/config.toml").native() + ":2\n"));
  CHECK(has(result.out, "7d"));
  CHECK(has(result.out, "$PFCACHE_WARM_TTL\n"));
  CHECK(has(result.out, "default\n"));
  CHECK(has(result.err, "etc/pfcache/config.toml: read"));
}

TEST_CASE("config shows one value alone") {
  const Runner runner;
  CHECK(runner.must({"config", "prompt.budget"}) == "8GiB");
  CHECK(runner.must({"config", "mount.hot_size"}).empty());
  CHECK(runner.must({"config", "--store", "elsewhere", "store"}) == "elsewhere");
  const Result unknown = runner.run({"config", "prompt.budge"});
  CHECK(unknown.status == 2);
  CHECK(unknown.err == "pfcache: there is no setting 'prompt.budge'; did you mean 'prompt.budget'?\n");
  CHECK(runner.run({"config", "store", "store"}).status == 2);
}

TEST_CASE("config gives numbers to programs") {
  const Runner runner;
  World world;
  world.variables["PFCACHE_MOUNT_HOT_SIZE"] = "2M";
  CHECK(runner.run({"--json", "config", "mount.hot_size"}, world).line() ==
        R"({"key":"mount.hot_size","value":2097152,"text":"2MiB","layer":"environment",)"
        R"("source":"$PFCACHE_MOUNT_HOT_SIZE","line":0})");
  CHECK(has(runner.must({"--json", "config", "warm.ttl"}), R"("value":2592000,"text":"30d")"));
  CHECK(has(runner.must({"--json", "config", "prompt.dedup"}), R"("value":false,)"));
  const std::string all = runner.must({"--json", "config"});
  CHECK(has(all, R"("settings":[{"key":"store",)"));
  CHECK(has(all, R"("problems":[])"));
  CHECK(has(all, R"({"layer":"system","path":"/nonexistent/etc/pfcache/config.toml","exists":false})"));
}

TEST_CASE("a broken file stops commands, and neither help nor config") {
  const Runner runner;
  configure(runner, "gc.grace = \"2h\"\nnonsense = 1\n");
  const World world = world_of(runner);
  const std::string message = runner.path("etc/pfcache/config.toml").native() + ": line 2: unknown key 'nonsense'";
  const Result list = runner.run({"list"}, world);
  CHECK(list.status == 1);
  CHECK(has(list.err, message));
  CHECK(runner.run({"--help"}, world).status == 0);
  CHECK(runner.run({"--version"}, world).status == 0);
  const Result config = runner.run({"config"}, world);
  CHECK(config.status == 1);
  CHECK(has(config.out, "gc.grace           2h"));
  CHECK(has(config.err, message));
}

TEST_CASE("the store of the configuration is used, and its own settings with it") {
  const Runner runner;
  configure(runner, "store = \"" + runner.store().native() + "\"\n");
  World world = world_of(runner);
  CHECK(run_in(world, {"config", "store"}).line() == runner.store());
  CHECK(run_in(world, {"list"}).status == 0);
  write_file(runner.store() / "config.toml", "format = 1\nencoding = \"raw\"\n");
  REQUIRE(run_in(world, {"capture", "synthetic:2:0", "--content", "kv-like"}).status == 0);
  for (const fs::path& blob : runner.blobs()) CHECK(blob.extension() == ".raw");
  world.variables["PFCACHE_ENCODING"] = "zst19";
  REQUIRE(run_in(world, {"repack"}).status == 0);
  for (const fs::path& blob : runner.blobs()) CHECK(blob.extension() == ".zst");
}

TEST_CASE("settings reach the commands, and options go over them") {
  const Runner runner;
  World world;
  world.variables = {{"PFCACHE_GC_GRACE", "0s"}, {"PFCACHE_STAGING_KEEP", "3d"}, {"PFCACHE_PROMPT_DEDUP", "true"}};
  runner.must({"capture", "synthetic:2:0", "--name", "x"});
  runner.must({"remove", "x"});
  CHECK(has(runner.must({"--json", "gc", "--dry-run"}), R"("blobs_removed":0,)"));
  CHECK_FALSE(has(runner.run({"--json", "gc", "--dry-run"}, world).out, R"("blobs_removed":0,)"));
  CHECK(has(runner.run({"--json", "gc", "--dry-run", "--grace", "1h"}, world).out, R"("blobs_removed":0,)"));
  CHECK(has(runner.run({"--json", "list", "--staging"}, world).out, R"("staging_keep_secs":259200,)"));
  write_file(runner.path("text"), "hello");
  world.input = "payload";
  CHECK(has(runner.run({"--json", "prompt", "put", "--text", runner.path("text")}, world).out, R"("form":"kvd")"));
  CHECK(has(runner.run({"--json", "prompt", "put", "--text", runner.path("text"), "--dedup", "off"}, world).out,
            R"("form":"kv",)"));
}

TEST_CASE("the warm starts keep to the settings") {
  const Runner runner;
  const std::string key(64, 'a');
  World world{.input = std::string(1000, 'x')};
  REQUIRE(runner.run({"warm", "save", key, "--kind", "final"}, world).status == 0);
  world.variables["PFCACHE_WARM_BUDGET"] = "100";
  CHECK(runner.run({"warm", "save", key, "--kind", "final"}, world).status == 1);
  CHECK(has(runner.run({"--json", "warm", "evict"}, world).out, R"("evicted_entries":1,)"));
}

TEST_CASE("a store of profile pf-core stays one that pf-core reads") {
  const Runner runner("pf-core");
  const World world{.variables = {{"PFCACHE_ENCODING", "raw"}}};
  REQUIRE(runner.run({"capture", "synthetic:2:0"}, world).status == 0);
  for (const fs::path& blob : runner.blobs()) CHECK(blob.extension() == ".zst");
}
