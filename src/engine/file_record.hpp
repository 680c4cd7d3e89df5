// Records of engine files: STORE/files/<name>.json, a JSON object with these fields, in this order:
//
//   format_version 1, format, file (digest), file_bytes, snapshot (digest), surroundings (digest), surroundings_bytes,
//   element
//
// The name is that of the file and stands nowhere else.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "pfcache/engine_file.hpp"

namespace pfcache {

inline constexpr std::string_view kLlamaStateFormat = "llama.cpp-sequence-state";

[[nodiscard]] std::string to_json(const FileRecord& record);

/// `path` is what messages call the text. Throws: Errc::malformed; Errc::unsupported for another format_version.
[[nodiscard]] FileRecord parse_file_record(std::string_view json, std::string_view name, std::string_view path);

/// A valid name made of a path's file name: what may not stand in one becomes '-'.
[[nodiscard]] std::string record_name_of(const std::filesystem::path& path);

/// Publishes `record` under its name, durably. One of that name for other bytes is first published again as
/// `<name>.<12 hex of its file's digest>`, so that no capture makes an earlier one unreachable.
/// REQUIRES: what it refers to is durable. Throws: Errc::malformed for an existing record that can't be read.
void publish_file_record(const Store& store, const FileRecord& record);

}  // namespace pfcache
