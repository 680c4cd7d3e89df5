// The names of files in a key's directory.
//
//   <run>.json, <run>.bin           an entry
//   .tmp-<16 hex>                   a file that one of us is writing
//   <any>.tmp.<pid>.<nonce>         a file that gam is writing
//
// Everything else is somebody's, and left alone.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace pfcache {

[[nodiscard]] std::string json_name(std::string_view run);
[[nodiscard]] std::string bin_name(std::string_view run);

/// The run whose JSON, or payload, a file of that name is; nothing for other files.
[[nodiscard]] std::optional<std::string> run_of_json(std::string_view name);
[[nodiscard]] std::optional<std::string> run_of_bin(std::string_view name);

/// True for what we call our files in flight, and not for other names that begin so.
[[nodiscard]] bool is_own_temp_name(std::string_view name) noexcept;

/// True for what gam calls its files in flight.
[[nodiscard]] bool is_gam_temp_name(std::string_view name) noexcept;

/// `r<pid hex>-<nanos hex>` from the time of now, and never the same twice in one process.
[[nodiscard]] std::string fresh_run(std::chrono::nanoseconds unix_time);

}  // namespace pfcache
