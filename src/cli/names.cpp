#include "cli/names.hpp"

#include <fmt/format.h>

#include "pfcache/error.hpp"

namespace pfcache::cli {

Digest resolve_name(const Store& store, std::string_view text) {
  try {
    return store.catalog().resolve(text);
  } catch (const Error& error) {
    if (error.code() != Errc::not_found) throw;
    const auto record = is_valid_name(text) ? find_file_record(store, text) : std::nullopt;
    if (!record) throw;
    return record->snapshot;
  }
}

Digest resolve_snapshot(const Store& store, std::string_view text) {
  const Digest digest = resolve_name(store, text);
  if (!store.has_snapshot(digest)) {
    throw Error(Errc::not_found, fmt::format("no snapshot {} in {}", digest.hex(), store.path().native()));
  }
  return digest;
}

std::vector<std::string> refs_to(const Store& store, const Digest& digest) {
  std::vector<std::string> names;
  for (const Ref& ref : store.catalog().refs()) {
    if (ref.digest == digest) names.push_back(ref.name);
  }
  return names;
}

std::vector<FileRecord> records_of(const Store& store, const Digest& digest) {
  std::vector<FileRecord> records = list_file_records(store);
  std::erase_if(records, [&](const FileRecord& record) { return record.snapshot != digest; });
  return records;
}

std::string short_hex(const Digest& digest) { return digest.hex().substr(0, 12); }

}  // namespace pfcache::cli
