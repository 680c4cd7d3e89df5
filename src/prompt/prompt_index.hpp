// What is in a prompt directory, in memory: read from headers once, when it is first asked for, and kept up to date
// with what others do to it. Who only loads entries by their keys has no need of it, and closing a watch takes the
// kernel some ten milliseconds.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/directory.hpp"
#include "pfcache/prompt_file.hpp"
#include "prompt/directory_watch.hpp"
#include "prompt/tail_table.hpp"

namespace pfcache {

/// Not thread-safe. REQUIRES: the directory outlives it.
class PromptIndex {
 public:
  explicit PromptIndex(const Directory& directory) : directory_(&directory) {}

  /// Learns which entries there are, or came and went. Hits that others counted are not looked at.
  void refresh();

  /// As refresh(), and reads the headers that others rewrote in place: for those who compare hits and times.
  void refresh_headers();

  // All below are as of the last refresh, and empty before the first.
  [[nodiscard]] const std::unordered_map<PromptName, PromptInfo>& entries() const noexcept { return entries_; }
  /// Why files with an entry's name are none.
  [[nodiscard]] const std::map<std::string, std::string>& unreadable() const noexcept { return unreadable_; }
  [[nodiscard]] const TailTable& tails() const noexcept { return tails_; }
  [[nodiscard]] std::uint64_t total_bytes() const noexcept { return total_bytes_; }
  [[nodiscard]] const PromptInfo* find(const PromptName& name) const noexcept;

  /// Notes at once what its caller has just done to a file.
  void reread(const std::string& file_name);

 private:
  void read_all();
  void read(const PromptName& name, const std::string& file_name);
  void forget(const PromptName& name);

  const Directory* directory_;
  std::optional<DirectoryWatch> watch_;  // since the first refresh
  std::unordered_map<PromptName, PromptInfo> entries_;
  std::map<std::string, std::string> unreadable_;
  std::unordered_set<std::string> stale_;
  TailTable tails_;
  std::uint64_t total_bytes_ = 0;
};

}  // namespace pfcache
