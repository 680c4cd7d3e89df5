// What is still arriving in a store: the directories staging/new/<name> and staging/snap/<64 hex>.
//
// Example:
//
//   #include <pfcache/staging_entries.hpp>
//   #include <pfcache/staging.hpp>
//   #include <iostream>
//
//   int main() {
//     pfcache::Store store = pfcache::Store::init("store");
//     pfcache::Staging(store).make_new("draft");
//     for (const auto& entry : pfcache::list_staging(store)) std::cout << entry.name << '\n';  // prints new/draft
//   }
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "pfcache/store.hpp"

#pragma GCC visibility push(default)
namespace pfcache {

struct StagingEntry {
  std::string name;                    ///< below staging/: `new/chat`
  std::int64_t touched_unix_secs = 0;  ///< when the last change was, of the directory or anything in it
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;  ///< of these files
};

/// All of them, ascending by name. Throws: system errors.
[[nodiscard]] std::vector<StagingEntry> list_staging(const Store& store);

}  // namespace pfcache
#pragma GCC visibility pop
