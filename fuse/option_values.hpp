// What the values of mount options mean.
//
// Plain functions without shared state, for any thread. Throws: Errc::invalid_argument naming the option, for a value
// that has no meaning.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <string_view>

#include "fuse/mount_options.hpp"

namespace pfcache::fuse {

/// A user or group id.
[[nodiscard]] std::uint32_t parse_id(std::string_view option, std::string_view text);

/// Permission bits, octal.
[[nodiscard]] mode_t parse_umask(std::string_view option, std::string_view text);

/// A number of bytes as parse_size() reads it.
[[nodiscard]] std::uint64_t parse_byte_count(std::string_view option, std::string_view text);

/// A length of time as parse_duration() reads it.
[[nodiscard]] std::chrono::seconds parse_time(std::string_view option, std::string_view text);

/// At most kMaxThreads.
[[nodiscard]] unsigned parse_threads(std::string_view option, std::string_view text);

[[nodiscard]] PassthroughUse parse_passthrough(std::string_view option, std::string_view text);
[[nodiscard]] VerifyWhen parse_verify(std::string_view option, std::string_view text);

/// At least kMinPromptBudgetBytes.
[[nodiscard]] std::uint64_t parse_prompt_budget(std::string_view option, std::string_view text);
[[nodiscard]] EvictionPolicy parse_prompt_policy(std::string_view option, std::string_view text);

/// `memory`, `none` or a directory.
[[nodiscard]] HotPlace parse_hot_place(std::string_view option, std::string_view text);

}  // namespace pfcache::fuse
