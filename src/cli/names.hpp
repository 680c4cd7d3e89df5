// What people call snapshots: from a SNAPSHOT argument to a digest, and from a digest to everything that needs it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "pfcache/digest.hpp"
#include "pfcache/engine_file.hpp"
#include "pfcache/store.hpp"

namespace pfcache::cli {

/// As Catalog::resolve, and then the name of an engine file's record. The snapshot may be unsealed.
/// Throws: as Catalog::resolve.
[[nodiscard]] Digest resolve_name(const Store& store, std::string_view text);

/// A snapshot that can be read here. Throws: as resolve_name, and Errc::not_found for one that isn't in the store.
[[nodiscard]] Digest resolve_snapshot(const Store& store, std::string_view text);

/// The names of the refs to `digest`, ascending.
[[nodiscard]] std::vector<std::string> refs_to(const Store& store, const Digest& digest);

/// The records of engine files whose pages are `digest`, ascending by name. Throws: Errc::malformed for any record
/// that can't be read, since it might be one of them.
[[nodiscard]] std::vector<FileRecord> records_of(const Store& store, const Digest& digest);

/// The first 12 hex digits.
[[nodiscard]] std::string short_hex(const Digest& digest);

}  // namespace pfcache::cli
