// The warm starts of the store that a command works on: STORE/warm.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "cli/session.hpp"
#include "pfcache/warm_start_store.hpp"

namespace pfcache::cli {

/// Those of a store that is open, with the budget of the configuration, unless another is given.
[[nodiscard]] WarmStartStore open_warm_store(const Store& store, const Session& session,
                                             std::optional<std::uint64_t> budget_bytes = std::nullopt);

/// The same of the store that the session is about. Throws: as Session::open_store.
[[nodiscard]] WarmStartStore open_warm_store(const Session& session,
                                             std::optional<std::uint64_t> budget_bytes = std::nullopt);

/// The KEY of a command line. Throws: Errc::invalid_argument.
[[nodiscard]] Fingerprint parse_key(std::string_view text);

/// `checkpoint` or `final`, as --kind takes it.
[[nodiscard]] std::string kind_text(EntryKind kind);

/// `0.25`, `-` for none.
[[nodiscard]] std::string objective_text(const WarmRun& run);
[[nodiscard]] std::string iteration_text(const WarmRun& run);

/// The fields of an entry, into an object that was begun.
void add_entry(JsonWriter& json, const Fingerprint& key, const WarmRun& run);

}  // namespace pfcache::cli
