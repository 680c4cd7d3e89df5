#include "upkeep/store_check.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/directory.hpp"
#include "base/parallel.hpp"
#include "pfcache/error.hpp"
#include "pfcache/version.hpp"
#include "prompt/prompt_recipes.hpp"
#include "snapshot/seal_record.hpp"
#include "upkeep/file_checks.hpp"

namespace pfcache {
namespace {

const std::string kSnapshots = "snapshots";
const std::string kRefs = "refs";

/// Why the seal can't be read; nothing for one that can, and for none.
std::optional<std::string> fault_of_seal(const Directory& seals, const Digest& snapshot) {
  try {
    const auto json = seals.read_file(snapshot.hex(), kMaxSealRecordBytes);
    if (json) static_cast<void>(parse_seal_record(*json, seals.path_of(snapshot.hex())));
    return std::nullopt;
  } catch (const Error& error) {
    if (error.code().category() != error_category() && !is_damage(error.code())) throw;
    return error.what();
  }
}

}  // namespace

StoreCheck::StoreCheck(const Store& store, const CheckScope& scope, const VerifyOptions& options,
                       const BlobMender* mender)
    : store_(store),
      scope_(scope),
      options_(options),
      mender_(mender),
      verification_(store, options, Verification::Depth::every_file, mender) {}

VerifyReport StoreCheck::run() {
  if (scope_.is_whole_store) note_recipes();
  verification_.read_snapshots(scope_.snapshots);
  for (const Digest& snapshot : scope_.snapshots) check_seal(snapshot);
  check_engine_files();
  if (scope_.is_whole_store) {
    check_names();
    check_whole_prompts(store_, options_, verification_.report());
    check_warm_starts(store_, options_, verification_.report());
  }
  return verification_.take_report();
}

/// One that can't be read stays as it is: what it was made of nobody knows.
void StoreCheck::note_recipes() {
  VerifyReport& report = verification_.report();
  for_each_recipe(
      store_.path() / kPromptDirectory, RecipeParts::all,
      [&](const PromptKey& key, std::span<const RecipeChunk> chunks) {
        throw_if_stopped(options_.stop);
        ++report.prompts;
        const std::uint32_t user = verification_.add_user("prompt " + key.hex());
        for (const RecipeChunk& chunk : chunks) verification_.note_need(chunk.digest, chunk.size_bytes, user);
      },
      [&](const PromptKey& key, const Error& error) {
        if (error.code().category() != error_category() && !is_damage(error.code())) throw Error(error);
        ++report.prompts;
        report.damage.push_back(fmt::format("prompt {}: {}", key.hex(), error.what()));
      });
}

void StoreCheck::check_seal(const Digest& snapshot) {
  const auto seals = store_.directory().find_directory(kSnapshots);
  const auto fault = seals ? fault_of_seal(*seals, snapshot) : std::nullopt;
  if (!fault) return;
  const std::string text = fmt::format("seal of snapshot {}: {}", snapshot.hex(), *fault);
  if (mender_ != nullptr && mend_seal(snapshot)) {
    verification_.report().mended.push_back(text + "; written anew and pinned");
  } else {
    verification_.report().damage.push_back(text);
  }
}

// Who removes the snapshot at the same moment finds it sealed again, and pinned: nothing is lost by that.
bool StoreCheck::mend_seal(const Digest& snapshot) {
  SealRecord record;
  try {
    const PageManifest manifest = store_.manifest(snapshot);
    record.pages = manifest.effective_pages().size();
    record.logical_bytes = 2 * manifest.meta.page_bytes() * record.pages;
  } catch (const Error& error) {
    if (error.code().category() != error_category()) throw;
    return false;  // the manifest is damaged, too
  }
  record.by = fmt::format("pfcache {}, a repair", version());
  record.pinned = true;
  store_.directory().make_directory(kSnapshots).publish_file(snapshot.hex(), to_json(record));
  return true;
}

void StoreCheck::check_engine_files() {
  std::vector<FileRecord> records;
  try {
    records = list_file_records(store_);
  } catch (const Error& error) {
    if (error.code() != Errc::malformed && error.code() != Errc::unsupported) throw;
    verification_.report().damage.push_back(fmt::format("records of engine files: {}", error.what()));
  }
  for (const FileRecord& record : records) {
    throw_if_stopped(options_.stop);
    check_engine_file(record);
  }
}

/// Its pages are those of the snapshot; what is left are the bytes around them.
void StoreCheck::check_engine_file(const FileRecord& record) {
  const bool is_chosen = std::ranges::find(scope_.snapshots, record.snapshot) != scope_.snapshots.end();
  if (is_chosen) {
    verification_.read_blob(record.surroundings, record.surroundings_bytes, "engine file " + record.name);
  } else if (scope_.is_whole_store && !is_here(record.snapshot) && find_file_record(store_, record.name)) {
    verification_.report().damage.push_back(
        fmt::format("engine file {}: its snapshot {} is not here", record.name, record.snapshot.hex()));
  }
}

void StoreCheck::check_names() {
  const auto directory = store_.directory().find_directory(kRefs);
  if (!directory) return;
  for (const std::string& name : directory->names()) {
    if (is_valid_name(name)) check_name(name);
  }
}

void StoreCheck::check_name(const std::string& name) {
  VerifyReport& report = verification_.report();
  try {
    const auto digest = store_.catalog().ref(name);
    if (!digest || is_here(*digest)) return;
    report.problems.push_back(fmt::format("the name {} leads to snapshot {}, which is not here", name, digest->hex()));
  } catch (const Error& error) {
    if (error.code().category() != error_category()) throw;
    report.damage.push_back(fmt::format("the name {}: {}", name, error.what()));
  }
}

bool StoreCheck::is_here(const Digest& snapshot) const {
  return store_.has_snapshot(snapshot) || (store_.may_hold_unsealed_snapshots() && store_.blobs().contains(snapshot));
}

}  // namespace pfcache
