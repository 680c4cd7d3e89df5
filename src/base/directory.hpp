// An open directory, and files that appear in it whole or not at all.
//
// Stores are reached by directory descriptors and *at() calls, so that a store that is renamed or replaced under a
// running program stays the one it opened. All changes go through the FileOps the directory was opened with, which
// its subdirectories inherit.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/file_ops.hpp"
#include "pfcache/unique_fd.hpp"

namespace pfcache {

class Directory {
 public:
  /// Throws: Errc::not_found when `path` is absent or no directory; system errors.
  [[nodiscard]] static Directory open(const std::filesystem::path& path, FileOps& ops = system_file_ops());

  /// Another handle on the same directory.
  [[nodiscard]] Directory duplicate() const;

  /// For messages only.
  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  [[nodiscard]] std::string path_of(std::string_view name) const;
  [[nodiscard]] int fd() const noexcept { return fd_.get(); }
  [[nodiscard]] FileOps& ops() const noexcept { return *ops_; }

  /// The subdirectory `name`; nothing when it is absent. Throws: system errors.
  [[nodiscard]] std::optional<Directory> find_directory(const std::string& name) const;

  /// As find_directory(), never through a symlink: for trees in which others write. Throws: ENOTDIR for one.
  [[nodiscard]] std::optional<Directory> find_real_directory(const std::string& name) const;

  /// The subdirectory `name`, made when it is absent; then its entry here is durable.
  [[nodiscard]] Directory make_directory(const std::string& name) const;

  /// The file `name`, opened for reading; nothing when it is absent. Throws: system errors.
  [[nodiscard]] std::optional<UniqueFd> find_file(const std::string& name) const;

  /// The whole file `name`; nothing when it is absent. Throws: Errc::too_large above `limit_bytes`; system errors.
  [[nodiscard]] std::optional<std::string> read_file(const std::string& name, std::uint64_t limit_bytes) const;

  /// True when there is something of that name, whatever it is.
  [[nodiscard]] bool has(const std::string& name) const;

  /// All names but "." and "..", in no order.
  [[nodiscard]] std::vector<std::string> names() const;

  /// Replaces or creates `name` with `bytes`: whole or not at all, durable when it returns.
  void publish_file(const std::string& name, std::span<const std::byte> bytes) const;
  void publish_file(const std::string& name, std::string_view text) const;

  /// Removes a file, durably. False when there was none.
  bool remove_file(const std::string& name) const;

  /// Makes the entries of this directory durable.
  void sync() const;

 private:
  Directory(UniqueFd fd, std::string path, FileOps& ops) : fd_(std::move(fd)), path_(std::move(path)), ops_(&ops) {}

  UniqueFd fd_;
  std::string path_;
  FileOps* ops_;
};

/// True for names that PendingFile gives to files in flight. Nothing else in a store is named so.
[[nodiscard]] bool is_temp_name(std::string_view name) noexcept;

/// A file that is being written under a temporary name and gets its own by publish(). The destructor of one that was
/// not published removes it. Order of use: write…, sync, publish, and then Directory::sync for the entry to be durable.
class PendingFile {
 public:
  /// REQUIRES: `directory` outlives this object.
  explicit PendingFile(const Directory& directory, mode_t mode = 0644);
  PendingFile(PendingFile&& other) noexcept;
  PendingFile& operator=(PendingFile&&) = delete;
  ~PendingFile();

  [[nodiscard]] int fd() const noexcept { return fd_.get(); }

  void write(std::span<const std::byte> bytes);
  void write_at(std::uint64_t offset, std::span<const std::byte> bytes);

  /// Takes the space for `size_bytes` on disk now, so that later writes into it can't run out of it.
  void allocate(std::uint64_t size_bytes);

  /// Makes the bytes durable, opening the file again if close() was called.
  void sync();

  /// Gives the descriptor back before publish(), for those who hold many files in flight.
  void close() noexcept { fd_.reset(); }

  /// Renames the file to `name` in the same directory, over whatever has it.
  void publish(const std::string& name);

 private:
  [[nodiscard]] std::string path() const;

  const Directory* directory_;
  std::string temp_name_;  // empty once published or moved from
  UniqueFd fd_;
};

/// Reads exactly `out.size()` bytes at `offset`. Throws: Errc::malformed, naming `path`, when the file is shorter;
/// system errors.
void read_exactly_at(int fd, std::uint64_t offset, std::span<std::byte> out, std::string_view path);

/// Writes all of `bytes` at `offset`. Throws: system errors, naming `path`.
void write_exactly_at(FileOps& ops, int fd, std::uint64_t offset, std::span<const std::byte> bytes,
                      std::string_view path);

/// The size of an open regular file. Throws: Errc::invalid_argument when it isn't one; system errors.
[[nodiscard]] std::uint64_t file_size_bytes(int fd, std::string_view path);

}  // namespace pfcache
