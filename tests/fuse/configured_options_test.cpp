#include "fuse/configured_options.hpp"

#include <doctest/doctest.h>

#include <map>
#include <string>

#include "fuse/option_table.hpp"

using pfcache::Config;
using pfcache::Setting;
using pfcache::fuse::configured_options;
using pfcache::fuse::HotPlace;
using pfcache::fuse::MountOptions;
using pfcache::fuse::parse_mount_options;
using pfcache::fuse::PassthroughUse;
using pfcache::fuse::VerifyWhen;

namespace {

Config config_of(const std::map<std::string, std::string>& variables) {
  return Config::load({.root = "/nonexistent", .variable = [&](const std::string& name) -> std::optional<std::string> {
                         const auto found = variables.find(name);
                         return found == variables.end() ? std::nullopt : std::optional(found->second);
                       }});
}

}  // namespace

TEST_CASE("every setting of mounts is an option of mounts") {
  for (std::size_t i = 0; i < pfcache::kSettingCount; ++i) {
    const auto setting = static_cast<Setting>(i);
    if (!name_of(setting).starts_with("mount.")) continue;
    CAPTURE(std::string(name_of(setting)));
    CHECK(pfcache::fuse::find_mount_option(pfcache::fuse::option_name_of(setting)) != nullptr);
  }
}

TEST_CASE("the defaults of settings are those of options") {
  const Config config = config_of({});
  const std::string list =
      "hot=" + config.text(Setting::mount_hot) + ",passthrough=" + config.text(Setting::mount_passthrough) +
      ",verify=" + config.text(Setting::mount_verify) + ",threads=" + config.text(Setting::mount_threads);
  const MountOptions options = parse_mount_options({"-o", list, "s", "d"});
  const MountOptions none;
  CHECK((options.hot == none.hot));
  CHECK((options.passthrough == none.passthrough));
  CHECK((options.verify == none.verify));
  CHECK(options.threads == none.threads);
  CHECK_FALSE(none.hot_size_bytes);
  CHECK(config.size_bytes(Setting::warm_budget) == none.warm_limits.size_budget_bytes);
  CHECK(config.duration(Setting::warm_ttl) == none.warm_limits.ttl);
}

TEST_CASE("settings are options, and the command line goes over them") {
  const Config config = config_of({{"PFCACHE_MOUNT_HOT", "/var/hot, pages"},
                                   {"PFCACHE_MOUNT_HOT_SIZE", "3GiB"},
                                   {"PFCACHE_MOUNT_PASSTHROUGH", "off"},
                                   {"PFCACHE_MOUNT_VERIFY", "always"},
                                   {"PFCACHE_MOUNT_THREADS", "7"},
                                   {"PFCACHE_WARM_BUDGET", "2MiB"},
                                   {"PFCACHE_WARM_TTL", "0s"}});
  REQUIRE(config.problems().empty());
  const MountOptions configured = configured_options(config);
  CHECK((configured.hot == HotPlace::directory));
  CHECK(configured.hot_directory == "/var/hot, pages");
  CHECK(configured.hot_size_bytes == std::uint64_t{3} << 30);
  CHECK((configured.passthrough == PassthroughUse::off));
  CHECK((configured.verify == VerifyWhen::always));
  CHECK(configured.threads == 7);
  CHECK(configured.warm_limits.size_budget_bytes == std::uint64_t{2} << 20);
  CHECK(configured.warm_limits.ttl == std::chrono::seconds(0));
  const MountOptions both = parse_mount_options({"-o", "hot=none,threads=2,warm_ttl=7d", "store", "dir"}, configured);
  CHECK((both.hot == HotPlace::none));
  CHECK(both.threads == 2);
  CHECK(both.warm_limits.ttl == std::chrono::hours(7 * 24));
  CHECK((both.verify == VerifyWhen::always));
}
