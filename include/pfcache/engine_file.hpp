// Files that inference engines write, kept as pages so that what sessions have in common is stored once.
//
// The rows of K and V become pages of 16 tokens, over all layers; the bytes around them become one blob; and a
// record, STORE/files/<name>.json, says how to put them together again. Known so far: llama.cpp sequence state
// (llama_state_seq_save_file, versions 2 and 3).
//
// Example:
//
//   #include <pfcache/engine_file.hpp>
//   #include <pfcache/store.hpp>
//   #include <iostream>
//
//   int main() {
//     pfcache::Store store = pfcache::Store::init("store");
//     const pfcache::EngineCapture made = pfcache::capture_engine_file("session.bin", store);
//     std::cout << made.snapshot.pages << " pages\n";  // prints 25 pages
//     pfcache::restore_engine_file(store, made.record, "again.bin");
//   }
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pfcache/capture.hpp"
#include "pfcache/restore.hpp"
#include "pfcache/store.hpp"

#pragma GCC visibility push(default)
namespace pfcache {

/// STORE/files/<name>.json
struct FileRecord {
  std::string name;
  std::string format;  ///< `llama.cpp-sequence-state`
  Digest file;         ///< of the whole file
  std::uint64_t file_bytes = 0;
  Digest snapshot;      ///< its pages
  Digest surroundings;  ///< the blob of all bytes that are not K or V rows, in file order
  std::uint64_t surroundings_bytes = 0;
  std::string element;  ///< what an element of the manifest's geometry stands for, e.g. `f16`, or
                        ///< `bytes of q8_0` when head_dim counts bytes
};

struct EngineCapture {
  CaptureResult snapshot;
  FileRecord record;
};

/// True when `path` starts like an engine file that capture_engine_file() knows. Throws: system errors,
/// Errc::not_found.
[[nodiscard]] bool is_engine_file(const std::filesystem::path& path);

/// Stores the file's pages, seals them as a snapshot, and publishes its record under `name`; without a name under the
/// file's own, made valid. A record of that name for other bytes is kept as `<name>.<12 hex of its file's digest>`.
/// Throws: Errc::malformed saying at which byte of the file and what was expected; Errc::unsupported for a version,
/// type or layout that isn't known; Errc::busy when the file changed meanwhile; as capture_cache.
EngineCapture capture_engine_file(const std::filesystem::path& path, Store& store, std::optional<std::string> name = {},
                                  const CaptureOptions& options = {});

/// Writes the file that `record` describes to `dest`, checked by its whole SHA-256 before it appears there.
/// Throws: Errc::already_exists unless `overwrite`; Errc::damaged; as BlobStore::get_into.
RestoreResult restore_engine_file(const Store& store, const FileRecord& record, const std::filesystem::path& dest,
                                  bool overwrite = false, const RestoreOptions& options = {});

/// The record of that name; nothing when there is none. Throws: Errc::malformed.
[[nodiscard]] std::optional<FileRecord> find_file_record(const Store& store, std::string_view name);

/// All records, ascending by name. Throws: Errc::malformed for one that can't be read.
[[nodiscard]] std::vector<FileRecord> list_file_records(const Store& store);

/// False when there was none.
bool remove_file_record(Store& store, std::string_view name);

}  // namespace pfcache
#pragma GCC visibility pop
