#include "pfcache/engine_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <ctime>

#include "base/bytes.hpp"
#include "base/directory.hpp"
#include "base/parallel.hpp"
#include "engine/engine_capture.hpp"
#include "engine/file_record.hpp"
#include "engine/llama_state.hpp"
#include "engine/source_file.hpp"
#include "engine/state_geometry.hpp"
#include "engine/state_pager.hpp"
#include "pfcache/version.hpp"

namespace pfcache {
namespace {

// The copy of the file and the pages cut from it share the memory that was granted. Less than this for the pages
// would only make many small pieces.
constexpr std::uint64_t kMinPageMemoryBytes = std::uint64_t{64} << 20;

CaptureOptions options_for_pages(const CaptureOptions& options, std::uint64_t taken_bytes) {
  CaptureOptions left = options;
  const std::uint64_t limit = options.memory_limit_bytes;
  left.memory_limit_bytes = std::max(limit - std::min(limit, taken_bytes), std::min(limit, kMinPageMemoryBytes));
  return left;
}

std::string valid_name(const std::filesystem::path& path, const std::optional<std::string>& name) {
  if (!name) return record_name_of(path);
  if (is_valid_name(*name)) return *name;
  throw Error(Errc::invalid_argument, fmt::format("'{}' is not a name for an engine file's record", *name));
}

void seal(Store& store, const CaptureResult& snapshot, const std::string& source) {
  SealRecord record;
  record.sealed_unix_secs = std::time(nullptr);
  record.by = fmt::format("pfcache {}", version());
  record.source = source;
  record.pages = snapshot.pages;
  record.logical_bytes = snapshot.logical_bytes;
  store.catalog().seal(snapshot.digest, record);
}

}  // namespace

bool is_engine_file(const std::filesystem::path& path) {
  const UniqueFd fd = open_for_reading(path);
  struct stat st {};
  if (::fstat(fd.get(), &st) != 0) throw Error::from_last_errno(fmt::format("cannot stat '{}'", path.native()));
  std::array<std::byte, kLlamaStateMagic.size()> start{};
  if (!S_ISREG(st.st_mode) || static_cast<std::uint64_t>(st.st_size) < start.size()) return false;
  read_exactly_at(fd.get(), 0, start, path.native());
  return std::ranges::equal(start, as_bytes(kLlamaStateMagic));
}

EngineCapture capture_source(const SourceFile& source, Store& store, const std::string& name,
                             const CaptureOptions& options) {
  const ParsedState state = parse_state(source.bytes(), source.path());
  const StateGeometry geometry(state.layout);
  StatePager pager(source.bytes(), state.layout, geometry);

  const WriterLease lease = store.lease();
  const PutResult surroundings = store.blobs().put(state.surroundings);
  EngineCapture capture;
  capture.snapshot = capture_cache(pager, store.blobs(), options_for_pages(options, source.memory_bytes()));
  if (surroundings.added) {
    capture.snapshot.added_blobs += 1;
    capture.snapshot.added_bytes += surroundings.stored_bytes;
  }
  source.check_unchanged(options);
  throw_if_stopped(options.stop);

  capture.record = {name,
                    std::string(kLlamaStateFormat),
                    source.digest(),
                    source.bytes().size_bytes(),
                    capture.snapshot.digest,
                    surroundings.digest,
                    state.surroundings.size(),
                    geometry.element()};
  seal(store, capture.snapshot, source.path());
  publish_file_record(store, capture.record);
  return capture;
}

EngineCapture capture_engine_file(const std::filesystem::path& path, Store& store, std::optional<std::string> name,
                                  const CaptureOptions& options) {
  const std::string record_name = valid_name(path, name);
  const SourceFile source(path, options);
  return capture_source(source, store, record_name, options);
}

}  // namespace pfcache
