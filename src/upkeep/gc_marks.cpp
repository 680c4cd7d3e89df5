#include "upkeep/gc_marks.hpp"

#include <fmt/format.h>

#include <vector>

#include "base/bytes.hpp"
#include "base/directory.hpp"
#include "base/parallel.hpp"
#include "base/phase_counter.hpp"
#include "pfcache/disk_kv_cache.hpp"
#include "pfcache/engine_file.hpp"
#include "pfcache/error.hpp"
#include "prompt/prompt_recipes.hpp"
#include "upkeep/staging_tree.hpp"

namespace pfcache {
namespace {

const std::string kRefs = "refs";
const std::string kManifestFile = "manifest.json";

/// `error` with what it concerns before its message. A manifest that is not there is damage, since something needs it;
/// and what is no file where one should be is no fault of the caller's.
Error about(const std::string& what, const Error& error) {
  std::error_code code = error.code();
  if (code == Errc::not_found) code = Errc::damaged;
  if (code == Errc::invalid_argument) code = Errc::malformed;
  return {code, fmt::format("what {} needs is not known: {}", what, reason_of(error))};
}

std::optional<PageManifest> try_parse(std::span<const std::byte> bytes) {
  try {
    return PageManifest::parse(as_text(bytes));
  } catch (const Error&) {
    return std::nullopt;
  }
}

/// Throws for a damaged one, which Catalog::refs() leaves out.
std::optional<Digest> read_ref(const Catalog& catalog, const std::string& name) {
  try {
    return catalog.ref(name);
  } catch (const Error& error) {
    throw about(fmt::format("the name {}", name), error);
  }
}

std::vector<FileRecord> read_records(const Store& store) {
  try {
    return list_file_records(store);
  } catch (const Error& error) {
    throw about("an engine file", error);
  }
}

}  // namespace

void GcMarks::add_roots(const std::set<std::string>& expired, const OnProgress& on_progress) {
  add_seals(on_progress);
  add_refs();
  add_records();
  add_prompts();
  add_staging(expired);
  needed_.finish();
}

void GcMarks::add_seals(const OnProgress& on_progress) {
  const std::vector<Digest> snapshots = store_.catalog().snapshots();
  PhaseCounter marked(on_progress, {"mark", "snapshot", 0, snapshots.size()});
  for (const Digest& snapshot : snapshots) {
    throw_if_stopped(stop_);
    try {
      add_manifest(snapshot, fmt::format("snapshot {}", snapshot.hex()));
    } catch (const Error&) {
      // Removed since it was listed: then nobody needs it.
      if (store_.catalog().contains(snapshot)) throw;
    }
    marked.add(1);
  }
}

void GcMarks::add_refs() {
  const auto directory = store_.directory().find_directory(kRefs);
  if (!directory) return;
  for (const std::string& name : directory->names()) {
    if (!is_valid_name(name)) continue;
    const auto digest = read_ref(store_.catalog(), name);
    // A name whose snapshot was removed while it was given leads nowhere, or back to what is still there.
    if (digest && store_.blobs().contains(*digest)) add_manifest(*digest, fmt::format("the name {}", name));
  }
}

void GcMarks::add_records() {
  for (const FileRecord& record : read_records(store_)) {
    needed_.insert(record.surroundings);
    try {
      add_manifest(record.snapshot, fmt::format("engine file {}", record.name));
    } catch (const Error&) {
      if (find_file_record(store_, record.name)) throw;
    }
  }
}

void GcMarks::add_prompts() {
  try {
    for_each_prompt_chunk(store_.path() / kPromptDirectory, [&](const Digest& chunk) {
      throw_if_stopped(stop_);
      needed_.insert(chunk);
    });
  } catch (const Error& error) {
    if (error.code() == Errc::interrupted) throw;
    throw about("a prompt", error);
  }
}

void GcMarks::add_staging(const std::set<std::string>& expired) {
  const auto staging = find_real_directory(store_.directory(), kStaging);
  if (!staging) return;
  for_each_directory(*staging, [&](const Directory& directory) {
    // Named as an entry of the list is: without what is above staging/.
    const std::string name = directory.path().substr(std::min(directory.path().size(), staging->path().size() + 1));
    const std::size_t end = name.find('/', name.find('/') + 1);
    if (expired.contains(name.substr(0, end))) return;
    if (const auto digest = Digest::try_parse(name.substr(name.find('/') + 1))) needed_.insert(*digest);
    add_draft(directory);
  });
}

// What is listed there is kept, whether it has arrived or was here before. A text that is no manifest, or not yet,
// lists nothing: what has arrived for it is young.
void GcMarks::add_draft(const Directory& directory) {
  try {
    const auto json = directory.read_file(kManifestFile, kMaxManifestBytes);
    if (!json) return;
    const ManifestDraft draft = ManifestDraft::parse(*json);
    for (const auto& page : draft.pages.value_or(std::vector<ManifestDraft::Page>())) {
      if (page.k) needed_.insert(*page.k);
      if (page.v) needed_.insert(*page.v);
    }
  } catch (const Error& error) {
    if (error.code().category() != error_category()) throw;
  }
}

void GcMarks::add_manifest(const Digest& digest, const std::string& root) {
  if (manifests_.contains(digest)) return;
  try {
    add_pages(store_.manifest(digest));
  } catch (const Error& error) {
    throw about(root, error);
  }
  manifests_.insert(digest);
  needed_.insert(digest);
}

// All that are listed, those too that a later page of the same ix hides.
void GcMarks::add_pages(const PageManifest& manifest) {
  for (const PageEntry& page : manifest.pages) {
    needed_.insert(page.k);
    needed_.insert(page.v);
  }
}

void GcMarks::add_unsealed(const OnProgress& on_progress) {
  std::vector<Digest> unknown;
  store_.blobs().for_each([&](const Digest& digest, const BlobInfo&) {
    if (!needed_.contains(digest)) unknown.push_back(digest);
  });
  PhaseCounter looked_at(on_progress, {"look", "blob", 0, unknown.size()});
  for (const Digest& digest : unknown) {
    throw_if_stopped(stop_);
    looked_at.add(1);
    try {
      const auto manifest = try_parse(store_.blobs().get(digest, kMaxManifestBytes));
      if (!manifest) continue;
      add_pages(*manifest);
      manifests_.insert(digest);
      needed_.insert(digest);
    } catch (const Error& error) {
      if (error.code() == Errc::not_found || error.code() == Errc::too_large) continue;
      throw about(fmt::format("blob {}, which may be a manifest,", digest.hex()), error);
    }
  }
  needed_.finish();
}

}  // namespace pfcache
