#include "upkeep/file_checks.hpp"

#include <fmt/format.h>

#include <chrono>
#include <mutex>
#include <optional>
#include <utility>

#include "base/directory.hpp"
#include "base/parallel.hpp"
#include "base/phase_counter.hpp"
#include "pfcache/error.hpp"
#include "pfcache/prompt_file.hpp"
#include "prompt/prompt_recipes.hpp"
#include "snapshot/blob_mender.hpp"
#include "warm/eviction.hpp"
#include "warm/key_directory.hpp"

namespace pfcache {
namespace {

struct PromptCheck {
  std::uint64_t payload_bytes = 0;
  bool has_checksum = false;
};

/// Nothing when it was evicted since the directory was read. Throws: as validate_prompt_file and verify_prompt_payload.
std::optional<PromptCheck> check_prompt(const Directory& prompts, const PromptName& name) {
  const std::string file_name = name.file_name();
  const auto fd = prompts.find_file(file_name);
  if (!fd) return std::nullopt;
  const std::string path = prompts.path_of(file_name);
  const PromptInfo info = validate_prompt_file(fd->get(), name, path);
  return PromptCheck{info.header.payload_bytes, verify_prompt_payload(fd->get(), info, path)};
}

std::vector<PromptName> whole_prompts(const Directory& prompts) {
  std::vector<PromptName> names;
  for (const std::string& file_name : prompts.names()) {
    const auto name = PromptName::parse(file_name);
    if (name && name->form == PromptForm::whole) names.push_back(*name);
  }
  return names;
}

struct WarmName {
  Fingerprint key;
  std::string run;
};

std::vector<WarmName> warm_starts(const Directory& root) {
  std::vector<WarmName> names;
  for (const Fingerprint& key : keys_in(root)) {
    const auto directory = KeyDirectory::find(root, key);
    if (!directory) continue;
    for (std::string& run : directory->runs()) names.push_back({key, std::move(run)});
  }
  return names;
}

/// The entry as it was found with its payload read; nothing for one that is not to be judged.
std::optional<EntryLook> check_warm_start(const Directory& root, const WarmName& name) {
  const auto directory = KeyDirectory::find(root, name.key);
  if (!directory) return std::nullopt;
  const std::chrono::nanoseconds unix_time = std::chrono::system_clock::now().time_since_epoch();
  EntryLook look = directory->look_at(name.run, unix_time);
  if (look.state == EntryState::damaged) return look;
  if (look.state != EntryState::whole) return std::nullopt;
  std::ignore = directory->read_payload(look, unix_time);
  if (look.state == EntryState::unknown) look.state = EntryState::damaged;  // its record is right, and it can't be read
  const bool is_there = look.state == EntryState::whole || look.state == EntryState::damaged;
  return is_there ? std::optional(std::move(look)) : std::nullopt;
}

}  // namespace

void check_whole_prompts(const Store& store, const VerifyOptions& options, VerifyReport& report) {
  const auto prompts = store.directory().find_directory(kPromptDirectory);
  const std::vector<PromptName> names = prompts ? whole_prompts(*prompts) : std::vector<PromptName>();
  if (names.empty()) return;
  PhaseCounter checked(options.on_progress, {"prompts", "prompt", 0, names.size()});
  std::mutex mutex;
  parallel_for(names.size(), options.threads, options.stop, [&](std::size_t i) {
    std::optional<PromptCheck> found;
    std::optional<Error> fault;
    try {
      found = check_prompt(*prompts, names[i]);
    } catch (const Error& error) {
      if (error.code().category() != error_category() && !is_damage(error.code())) throw;
      fault = error;
    }
    {
      const std::scoped_lock lock(mutex);
      if (found || fault) ++report.prompts;
      if (found) report.bytes += found->payload_bytes;
      if (found && !found->has_checksum) ++report.unchecked_prompts;
      if (fault) report.damage.push_back(fmt::format("prompt {}: {}", names[i].key.hex(), fault->what()));
    }
    checked.add(1);
  });
}

void check_warm_starts(const Store& store, const VerifyOptions& options, VerifyReport& report) {
  const auto root = store.directory().find_directory(kWarmDirectory);
  const std::vector<WarmName> names = root ? warm_starts(*root) : std::vector<WarmName>();
  if (names.empty()) return;
  PhaseCounter checked(options.on_progress, {"warm", "warm start", 0, names.size()});
  std::mutex mutex;
  parallel_for(names.size(), options.threads, options.stop, [&](std::size_t i) {
    if (const auto look = check_warm_start(*root, names[i])) {
      const std::scoped_lock lock(mutex);
      ++report.warm_starts;
      if (look->state == EntryState::whole) {
        report.bytes += look->about.payload_bytes;
      } else {
        report.damage.push_back(fmt::format("warm start {} of {}: {}", names[i].run, names[i].key.hex(), look->fault));
      }
    }
    checked.add(1);
  });
}

}  // namespace pfcache
