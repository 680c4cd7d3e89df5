// A config.toml from anywhere, as a store's file and as a layer of settings: refused by an Error or by problems, or
// read into values that mean the same when they are read again.
#include <cstdlib>
#include <span>

#include "base/bytes.hpp"
#include "config/setting_rules.hpp"
#include "config/settings_layer.hpp"
#include "fuzz/driver.hpp"
#include "pfcache/error.hpp"
#include "snapshot/store_config.hpp"

namespace {

using namespace pfcache;

void require(bool holds) {
  if (!holds) std::abort();
}

void read_as_store(std::string_view text) {
  try {
    const StoreConfig config = parse_config(text, "config.toml");
    const StoreConfig again = parse_config(to_toml(config), "config.toml");
    require(again.profile == config.profile && again.adopted == config.adopted);
  } catch (const Error& error) {
    require(error.code() == Errc::malformed || error.code() == Errc::unsupported);
  }
}

void read_as_settings(std::string_view text) {
  try {
    const SettingsLayer layer = read_settings(read_toml(text, "config.toml"), {ConfigLayer::user, "config.toml"});
    for (const auto& [setting, value] : layer.values) {
      require(value.text && value.line > 0);
      require(normalized_text(rule_of(setting), *value.text) == *value.text);
    }
    for (const ConfigProblem& problem : layer.problems) require(problem.message.starts_with("config.toml: line "));
  } catch (const Error& error) {
    require(error.code() == Errc::malformed);
  }
}

/// Every variable has this value.
void read_as_environment(std::string_view text) {
  const SettingsLayer layer = read_environment([&](const std::string&) { return std::string(text); });
  for (const auto& [setting, value] : layer.values) {
    require(value.text.has_value());
    if (setting != Setting::store) require(normalized_text(rule_of(setting), *value.text) == *value.text);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = as_text(std::as_bytes(std::span(data, size)));
  read_as_store(text);
  read_as_settings(text);
  read_as_environment(text);
  return 0;
}
