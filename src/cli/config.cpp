#include "pfcache/config.hpp"

#include <fmt/format.h>

#include "cli/session.hpp"
#include "cli/text.hpp"
#include "pfcache/error.hpp"

namespace pfcache::cli {
namespace {

Setting setting_at(std::size_t index) { return static_cast<Setting>(index); }

/// `default`, `/etc/pfcache/config.toml:3`, `$PFCACHE_STORE`, `--store`
std::string origin_text(const ConfigValue& value) {
  if (value.layer == ConfigLayer::built_in) return std::string(name_of(value.layer));
  return value.line == 0 ? value.source : fmt::format("{}:{}", value.source, value.line);
}

std::string value_text(const ConfigValue& value) { return printable(value.text.value_or("-")); }

/// As a number where it is one: bytes, or seconds.
void add_value(JsonWriter& json, Setting setting, const Config& config) {
  const auto& text = config.value(setting).text;
  json.key("value");
  if (!text) {
    json.null();
    return;
  }
  switch (kind_of(setting)) {
    case SettingKind::text: json.value(as_utf8(*text)); break;
    case SettingKind::size: json.value(config.size_bytes(setting)); break;
    case SettingKind::duration: json.value(std::int64_t{config.duration(setting).count()}); break;
    case SettingKind::number: json.value(config.number(setting)); break;
    case SettingKind::boolean: json.value(config.is_on(setting)); break;
  }
}

void add_setting(JsonWriter& json, Setting setting, const Config& config) {
  const ConfigValue& value = config.value(setting);
  json.begin_object().field("key", name_of(setting));
  add_value(json, setting, config);
  json.field("text", value.text ? std::optional(as_utf8(*value.text)) : std::nullopt);
  json.field("layer", name_of(value.layer));
  json.field("source", as_utf8(value.source)).field("line", value.line).end_object();
}

void print_text(const Config& config, const Session& session) {
  std::vector<std::vector<std::string>> rows;
  for (std::size_t i = 0; i < kSettingCount; ++i) {
    const ConfigValue& value = config.value(setting_at(i));
    rows.push_back({std::string(name_of(setting_at(i))), value_text(value), printable(origin_text(value))});
  }
  session.out() << table({"KEY", "VALUE", "FROM"}, rows);
  for (const ConfigFile& file : config.files()) {
    session.note(fmt::format("{}: {}", file.path.native(), file.exists ? "read" : "absent"));
  }
}

void print_record(const Config& config, const Session& session) {
  JsonWriter json;
  json.begin_object().key("settings").begin_array();
  for (std::size_t i = 0; i < kSettingCount; ++i) add_setting(json, setting_at(i), config);
  json.end_array().key("files").begin_array();
  for (const ConfigFile& file : config.files()) {
    json.begin_object().field("layer", name_of(file.layer)).field("path", as_utf8(file.path.native()));
    json.field("exists", file.exists).end_object();
  }
  json.end_array().key("problems").begin_array();
  for (const ConfigProblem& problem : config.problems()) json.value(as_utf8(problem.text()));
  session.print(json.end_array().end_object());
}

void print_setting(Setting setting, const Config& config, const Session& session) {
  if (session.json()) {
    JsonWriter json;
    add_setting(json, setting, config);
    session.print(json);
  } else {
    session.out() << config.value(setting).text.value_or("") << '\n';
  }
}

int run_config(const std::optional<Setting>& setting, const Session& session) {
  const Config& config = session.any_config();
  if (setting) {
    print_setting(*setting, config, session);
  } else if (session.json()) {
    print_record(config, session);
  } else {
    print_text(config, session);
  }
  for (const ConfigProblem& problem : config.problems()) session.warn(problem.text());
  return config.problems().empty() ? kDone : kFailed;
}

constexpr const char* kDetails =
    R"(Without a SETTING all settings; with one its value alone. A setting is looked for in
these places, of which the last that has it counts:
  /etc/pfcache/config.toml
  $XDG_CONFIG_HOME/pfcache/config.toml or ~/.config/pfcache/config.toml
  config.toml of the store
  the environment: $PFCACHE_PROMPT_BUDGET for prompt.budget, and so on
  the options of a command
What is wrong with a file is said, and the exit status is then 1; other commands
but doctor end there. See pfcache.toml(5) for what can be set.)";

}  // namespace

Command config_command() {
  return {"config", "Show the settings, and where each comes from", kDetails, "pfcache config prompt.budget",
          [](ArgumentTable& table) {
            auto setting = std::make_shared<std::optional<Setting>>();
            table.positionals("SETTING", "its key: prompt.budget", [setting](std::string_view text) {
              if (*setting) throw Error(Errc::invalid_argument, "expected at most one SETTING");
              *setting = setting_named(text);
            });
            return [setting](const Session& session) { return run_config(*setting, session); };
          }};
}

}  // namespace pfcache::cli
