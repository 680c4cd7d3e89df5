// What is on disk and what is only in memory, by the rules in recording_file_ops.hpp.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "support/recording_file_ops.hpp"

namespace pfcache::test {

/// A directory tree twice: as programs see it, and as the disk has it.
class DiskModel {
 public:
  explicit DiskModel(const std::vector<RecordingFileOps::Initial>& initial);

  void apply(const RecordingFileOps::Call& call);

  /// Writes what a crash now leaves into `dest`, an empty directory.
  void write_to(const std::filesystem::path& dest, Crash crash, std::uint64_t seed) const;

 private:
  struct Node;
  using Entries = std::map<std::string, Node*>;
  struct Node {
    bool is_directory = false;
    std::string bytes;
    std::string synced_bytes;
    Entries entries;
    Entries synced_entries;
  };
  // One change of one directory: `name` stands for `node`, or for nothing when it is null.
  struct Edit {
    Node* directory;
    std::string name;
    Node* node;
  };
  using Change = std::vector<Edit>;  // what one call did, kept or lost as a whole
  using Tree = std::map<const Node*, Entries>;

  Node* make(bool is_directory);
  [[nodiscard]] Node* find(std::string_view path) const;
  [[nodiscard]] Edit edit_of(std::string_view path, Node* node) const;
  static void apply_edit(Entries& entries, const Edit& edit);
  void change(Change edits);
  void sync_directory(Node* directory);
  [[nodiscard]] Tree tree_after(Crash crash, std::uint64_t seed) const;

  std::vector<std::unique_ptr<Node>> nodes_;
  Node* root_;
  std::vector<Change> unsynced_;  // in the order in which they were made
};

}  // namespace pfcache::test
