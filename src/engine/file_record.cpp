#include "engine/file_record.hpp"

#include <fmt/format.h>
#include <sys/file.h>

#include <algorithm>
#include <cerrno>
#include <limits>

#include "base/directory.hpp"
#include "base/json_reader.hpp"
#include "engine/field_walker.hpp"
#include "pfcache/json_writer.hpp"

namespace pfcache {
namespace {

constexpr std::uint32_t kRecordVersion = 1;
constexpr std::uint64_t kMaxRecordBytes = std::uint64_t{64} << 10;
constexpr std::size_t kMaxNameChars = 128;
constexpr std::size_t kAsideHexChars = 12;
const std::string kFilesDirectory = "files";
constexpr std::string_view kSuffix = ".json";

std::string record_file_name(std::string_view name) { return fmt::format("{}{}", name, kSuffix); }

std::optional<FileRecord> read_record(const Directory& files, std::string_view name) {
  const std::string file_name = record_file_name(name);
  const auto text = files.read_file(file_name, kMaxRecordBytes);
  if (!text) return std::nullopt;
  return parse_file_record(*text, name, files.path_of(file_name));
}

// Held while a record is looked at and then replaced: of two captures under one name at once, the later must see the
// earlier's record to keep it. The lock goes with the directory's descriptor.
void lock_records(const Directory& files) {
  while (::flock(files.fd(), LOCK_EX) != 0) {
    if (errno != EINTR) throw Error::from_last_errno(fmt::format("cannot lock '{}'", files.path()));
  }
}

std::string aside_name(const FileRecord& record) {
  return fmt::format("{}.{}", record.name.substr(0, kMaxNameChars - kAsideHexChars - 1),
                     record.file.hex().substr(0, kAsideHexChars));
}

[[noreturn]] void refuse_size(std::string_view path, std::string_view key, std::uint64_t limit, std::uint64_t found) {
  throw Error(Errc::malformed,
              fmt::format("{}: field '{}': expected at most {} bytes, found {}", path, key, limit, found));
}

Digest digest_field(const JsonObject& object, std::string_view key) {
  if (const auto digest = Digest::try_parse(object.text(key))) return *digest;
  throw Error(Errc::malformed, fmt::format("{}: field '{}': expected a digest", object.where(), key));
}

}  // namespace

std::string to_json(const FileRecord& record) {
  JsonWriter json;
  json.begin_object()
      .field("format_version", kRecordVersion)
      .field("format", std::string_view(record.format))
      .field("file", std::string_view(record.file.text()))
      .field("file_bytes", record.file_bytes)
      .field("snapshot", std::string_view(record.snapshot.text()))
      .field("surroundings", std::string_view(record.surroundings.text()))
      .field("surroundings_bytes", record.surroundings_bytes)
      .field("element", std::string_view(record.element))
      .end_object();
  return json.take();
}

FileRecord parse_file_record(std::string_view json, std::string_view name, std::string_view path) {
  const JsonDocument document(json, path);
  const JsonObject object = document.root();
  const std::uint32_t version = object.u32("format_version");
  if (version != kRecordVersion) {
    throw Error(Errc::unsupported,
                fmt::format("{}: field 'format_version': expected {}, found {}", path, kRecordVersion, version));
  }
  FileRecord record;
  record.name = name;
  record.format = object.text("format");
  record.file = digest_field(object, "file");
  record.file_bytes = object.u64("file_bytes");
  record.snapshot = digest_field(object, "snapshot");
  record.surroundings = digest_field(object, "surroundings");
  record.surroundings_bytes = object.u64("surroundings_bytes");
  record.element = object.text("element");
  constexpr auto kMaxFileBytes = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  if (record.file_bytes > kMaxFileBytes) refuse_size(path, "file_bytes", kMaxFileBytes, record.file_bytes);
  const std::uint64_t limit = std::min(kMaxSurroundingsBytes, record.file_bytes);
  if (record.surroundings_bytes > limit) refuse_size(path, "surroundings_bytes", limit, record.surroundings_bytes);
  return record;
}

std::string record_name_of(const std::filesystem::path& path) {
  std::string name = path.filename().native();
  name.erase(0, std::min(name.find_first_not_of('.'), name.size()));
  if (name.size() > kMaxNameChars) name.resize(kMaxNameChars);
  for (char& c : name) {
    if (!is_valid_name(std::string(1, c)) && c != '.') c = '-';
  }
  if (is_valid_name(name)) return name;
  // Empty, or 64 hex digits.
  return name.empty() ? "file" : fmt::format("file-{}", name);
}

void publish_file_record(const Store& store, const FileRecord& record) {
  const Directory files = store.directory().make_directory(kFilesDirectory);
  lock_records(files);
  const auto earlier = read_record(files, record.name);
  if (earlier && earlier->file != record.file) {
    files.publish_file(record_file_name(aside_name(*earlier)), to_json(*earlier));
  }
  files.publish_file(record_file_name(record.name), to_json(record));
}

std::optional<FileRecord> find_file_record(const Store& store, std::string_view name) {
  if (!is_valid_name(name)) return std::nullopt;
  const auto files = store.directory().find_directory(kFilesDirectory);
  if (!files) return std::nullopt;
  return read_record(*files, name);
}

std::vector<FileRecord> list_file_records(const Store& store) {
  std::vector<FileRecord> records;
  const auto files = store.directory().find_directory(kFilesDirectory);
  if (!files) return records;
  for (const std::string& file_name : files->names()) {
    if (!file_name.ends_with(kSuffix)) continue;
    const std::string name = file_name.substr(0, file_name.size() - kSuffix.size());
    if (!is_valid_name(name)) continue;
    if (auto record = read_record(*files, name)) records.push_back(std::move(*record));
  }
  std::ranges::sort(records, {}, &FileRecord::name);
  return records;
}

bool remove_file_record(Store& store, std::string_view name) {
  if (!is_valid_name(name)) return false;
  const auto files = store.directory().find_directory(kFilesDirectory);
  if (!files) return false;
  lock_records(*files);
  return files->remove_file(record_file_name(name));
}

}  // namespace pfcache
