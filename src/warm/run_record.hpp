// <run>.json: what is known of an entry. Two-space JSON in this order, without a new line at the end, as gam writes it:
//
//   {
//     "schema_version": 1,
//     "written_unix_secs": 1700000000,
//     "written_nanos": 5,
//     "objective": 1.5,
//     "iteration": 7,
//     "kind": "Checkpoint",
//     "checksum_hex": "<64 hex: SHA-256 of the payload>",
//     "payload_bytes": 10
//   }
//
// objective and iteration may be null, or missing when read, and so may written_nanos.
#pragma once

#include <string>
#include <string_view>

#include "pfcache/warm_start_store.hpp"

namespace pfcache {

/// An objective that is NaN or infinite is written as null.
[[nodiscard]] std::string to_json(const WarmRun& about);

/// Everything but `run`, which the file's name says. Throws: Errc::malformed, naming `name` and the field;
/// Errc::unsupported for a schema other than 1.
[[nodiscard]] WarmRun parse_run_record(std::string_view json, std::string_view name);

}  // namespace pfcache
