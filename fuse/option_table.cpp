#include "fuse/option_table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

#include "fuse/option_values.hpp"
#include "pfcache/error.hpp"
#include "pfcache/near_word.hpp"

namespace pfcache::fuse {
namespace {

using enum OptionKind;

void take_hot(MountOptions& options, const OptionSetting& given) {
  options.hot = parse_hot_place(given.name, *given.value);
  options.hot_directory = options.hot == HotPlace::directory ? *given.value : "";
}

void take_flag(MountOptions& options, const OptionSetting& given) { options.kernel_flags.push_back(given.text); }

void take_context(MountOptions& options, const OptionSetting& given) {
  options.security_contexts.push_back(given.text);  // with its quotes, which the kernel knows, too
}

void ignore(MountOptions&, const OptionSetting&) {}

// Behind a value each function may rely on there being one.
constexpr std::array kTable = {
    MountOption{"ro", "", ours, "read-only; so is a mount of a store that can't be written",
                [](MountOptions& options, const OptionSetting&) { options.read_only = true; }},
    MountOption{"rw", "", ours, "not read-only (default)",
                [](MountOptions& options, const OptionSetting&) { options.read_only = false; }},
    MountOption{"allow_other", "", ours, "let other users in",
                [](MountOptions& options, const OptionSetting&) { options.allow_other = true; }},
    MountOption{
        "uid", "N", ours, "who owns the files (default: who mounts)",
        [](MountOptions& options, const OptionSetting& given) { options.uid = parse_id(given.name, *given.value); }},
    MountOption{
        "gid", "N", ours, "and which group (default: that of who mounts)",
        [](MountOptions& options, const OptionSetting& given) { options.gid = parse_id(given.name, *given.value); }},
    MountOption{"umask", "OCTAL", ours, "permission bits that are taken away (default: 0)",
                [](MountOptions& options, const OptionSetting& given) {
                  options.umask = parse_umask(given.name, *given.value);
                }},
    MountOption{"hot", "PLACE", ours,
                "where decoded pages are kept: memory (default), none, or\n"
                "a directory, whose files outlive the mount and may be\n"
                "shared",
                take_hot, "memory|none|DIR"},
    MountOption{"hot_size", "N[KMGT]", ours,
                "how much of them (default: a quarter of the memory, at\n"
                "most 8G; with hot=none 256M)",
                [](MountOptions& options, const OptionSetting& given) {
                  options.hot_size_bytes = parse_byte_count(given.name, *given.value);
                }},
    MountOption{"passthrough", "WHEN", ours,
                "let the kernel read decoded pages by itself: auto\n"
                "(default: where it can), off, require (or fail)",
                [](MountOptions& options, const OptionSetting& given) {
                  options.passthrough = parse_passthrough(given.name, *given.value);
                },
                "auto|off|require"},
    MountOption{"verify", "WHEN", ours,
                "when files that others could change are hashed: once\n"
                "(default: before they are first given out, again when\n"
                "they were touched), always (at every open)",
                [](MountOptions& options, const OptionSetting& given) {
                  options.verify = parse_verify(given.name, *given.value);
                },
                "once|always"},
    MountOption{"prompt_budget", "N[KMGT]", ours, "of all files in prompt/ together (default: 8G)",
                [](MountOptions& options, const OptionSetting& given) {
                  options.prompt_limits.budget_bytes = parse_prompt_budget(given.name, *given.value);
                }},
    MountOption{"prompt_policy", "POLICY", ours,
                "which goes first: value (default: what is worth\n"
                "least) or lru (not used for longest)",
                [](MountOptions& options, const OptionSetting& given) {
                  options.prompt_limits.policy = parse_prompt_policy(given.name, *given.value);
                },
                "value|lru"},
    MountOption{"warm_budget", "N[KMGT]", ours,
                "of all files in warm/ together; above it the oldest go\n"
                "(default: 1G)",
                [](MountOptions& options, const OptionSetting& given) {
                  options.warm_limits.size_budget_bytes = parse_byte_count(given.name, *given.value);
                }},
    MountOption{"warm_ttl", "TIME", ours,
                "after which they are no longer given out, such as 12h;\n"
                "0: never (default: 30d)",
                [](MountOptions& options, const OptionSetting& given) {
                  options.warm_limits.ttl = parse_time(given.name, *given.value);
                }},
    MountOption{"threads", "N", ours, "that answer the kernel (default: 10, or one a CPU)",
                [](MountOptions& options, const OptionSetting& given) {
                  options.threads = parse_threads(given.name, *given.value);
                }},
    MountOption{"foreground", "", ours, "stay in the foreground, messages to stderr",
                [](MountOptions& options, const OptionSetting&) { options.foreground = true; }},
    MountOption{"suid", "", kernel, "", take_flag},
    MountOption{"nosuid", "", kernel, "", take_flag},
    MountOption{"dev", "", kernel, "", take_flag},
    MountOption{"nodev", "", kernel, "", take_flag},
    MountOption{"exec", "", kernel, "", take_flag},
    MountOption{"noexec", "", kernel, "", take_flag},
    MountOption{"atime", "", kernel, "", take_flag},
    MountOption{"noatime", "", kernel, "", take_flag},
    MountOption{"sync", "", kernel, "", take_flag},
    MountOption{"async", "", kernel, "", take_flag},
    MountOption{"dirsync", "", kernel, "", take_flag},
    MountOption{"context", "CONTEXT", kernel, "", take_context},
    MountOption{"fscontext", "CONTEXT", kernel, "", take_context},
    MountOption{"defcontext", "CONTEXT", kernel, "", take_context},
    MountOption{"rootcontext", "CONTEXT", kernel, "", take_context},
    MountOption{"defaults", "", ignored, "", ignore},
    MountOption{"auto", "", ignored, "", ignore},
    MountOption{"noauto", "", ignored, "", ignore},
    MountOption{"nofail", "", ignored, "", ignore},
    MountOption{"_netdev", "", ignored, "", ignore},
    MountOption{"user", "", ignored, "", ignore},
    MountOption{"nouser", "", ignored, "", ignore},
    MountOption{"users", "", ignored, "", ignore},
    MountOption{"nousers", "", ignored, "", ignore},
    MountOption{"owner", "", ignored, "", ignore},
    MountOption{"noowner", "", ignored, "", ignore},
    MountOption{"group", "", ignored, "", ignore},
    MountOption{"nogroup", "", ignored, "", ignore},
    MountOption{"comment", "", ignored, "", ignore},
    MountOption{"nodiratime", "", ignored, "", ignore},
    MountOption{"relatime", "", ignored, "", ignore},
    MountOption{"norelatime", "", ignored, "", ignore},
    MountOption{"strictatime", "", ignored, "", ignore},
    MountOption{"nostrictatime", "", ignored, "", ignore},
    MountOption{"lazytime", "", ignored, "", ignore},
    MountOption{"nolazytime", "", ignored, "", ignore},
    MountOption{"silent", "", ignored, "", ignore},
    MountOption{"loud", "", ignored, "", ignore},
};

// What begins so is a note in /etc/fstab to some other program.
bool is_note(std::string_view name) { return name.substr(0, 2) == "x-" || name.substr(0, 2) == "X-"; }

void check_value(const MountOption& option, const OptionSetting& setting) {
  if (option.kind == ignored || setting.value.has_value() == !option.value.empty()) return;
  throw Error(Errc::invalid_argument,
              setting.value ? fmt::format("option '{}': '{}' takes no value", setting.text, option.name)
                            : fmt::format("option '{0}' needs a value: {0}={1}", option.name, option.value));
}

}  // namespace

std::span<const MountOption> mount_option_table() noexcept { return kTable; }

const MountOption* find_mount_option(std::string_view name) noexcept {
  const auto* found = std::find_if(kTable.begin(), kTable.end(), [&](const auto& row) { return row.name == name; });
  return found == kTable.end() ? nullptr : found;
}

bool take_setting(MountOptions& options, const OptionSetting& setting) {
  if (is_note(setting.name)) return true;
  const MountOption* option = find_mount_option(setting.name);
  if (option == nullptr) return false;
  check_value(*option, setting);
  option->take(options, setting);
  return true;
}

std::string unknown_option_message(const OptionSetting& setting) {
  std::vector<std::string_view> names;
  for (const MountOption& option : kTable) names.push_back(option.name);
  return fmt::format("unknown option '{}'{}", setting.text, near_word_hint(setting.name, names));
}

}  // namespace pfcache::fuse
