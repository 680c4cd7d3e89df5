// STORE/snapshots/<64 hex>: what is written down when a snapshot is sealed.
//
//   {"sealed_unix_secs":1700000000,"by":"pfcache 0.1.0","source":"synthetic:8:99","pinned":false,"pages":8,
//    "logical_bytes":2048}
#pragma once

#include <string>
#include <string_view>

#include "pfcache/catalog.hpp"

namespace pfcache {

/// Limits: of the file, and of `by` and `source` in it; longer texts are cut.
inline constexpr std::uint64_t kMaxSealRecordBytes = std::uint64_t{64} << 10;
inline constexpr std::size_t kMaxSealTextBytes = 4096;

/// A record that parse_seal_record() reads. Bytes of `by` and `source` that JSON can't hold become `?`.
[[nodiscard]] std::string to_json(const SealRecord& record);

/// Throws: Errc::malformed.
[[nodiscard]] SealRecord parse_seal_record(std::string_view json, std::string_view name);

}  // namespace pfcache
