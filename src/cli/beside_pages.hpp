// What a store keeps beside the pages of its snapshots: prompts, warm starts, what is still arriving.
#pragma once

#include <cstdint>

#include "cli/session.hpp"

namespace pfcache::cli {

struct BesidePages {
  std::uint64_t prompts = 0;
  std::uint64_t prompt_bytes = 0;          ///< of their files; chunks are blobs
  std::uint64_t prompt_charged_bytes = 0;  ///< what they count for in the budget
  std::uint64_t warm_entries = 0;
  std::uint64_t warm_bytes = 0;  ///< of their payloads
  std::uint64_t staging_directories = 0;
  std::uint64_t staging_bytes = 0;
};

/// Reads the headers of all prompts and the records of all warm starts. Throws: Errc::interrupted; system errors.
[[nodiscard]] BesidePages collect_beside_pages(Store& store, const Session& session);

}  // namespace pfcache::cli
