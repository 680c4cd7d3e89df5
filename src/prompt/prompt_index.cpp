#include "prompt/prompt_index.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "base/bytes.hpp"
#include "pfcache/error.hpp"
#include "prompt/prompt_header.hpp"

namespace pfcache {
namespace {

/// The end of the text, the only part of it that is read.
std::uint64_t read_tail(int fd, std::uint32_t text_bytes, const std::string& path) {
  std::array<std::byte, 8> bytes{};
  const auto tail = std::span<std::byte>(bytes).first(std::min<std::size_t>(text_bytes, bytes.size()));
  read_exactly_at(fd, kPromptHeaderBytes + text_bytes - tail.size(), tail, path);
  return tail_of(as_text(tail));
}

}  // namespace

void PromptIndex::refresh() {
  const bool is_first = !watch_;
  if (is_first) watch_.emplace(*directory_);
  // Before reading, so that no change falls between.
  const DirectoryWatch::Changes changes = watch_->poll();
  if (is_first || changes.all) {
    read_all();
    return;
  }
  for (const std::string& name : changes.entries) reread(name);
  for (const std::string& name : changes.written) {
    // One that is no entry yet was written under its own name, without a rename.
    const auto parsed = PromptName::parse(name);
    if (!parsed) continue;
    if (entries_.contains(*parsed)) {
      stale_.insert(name);
    } else {
      read(*parsed, name);
    }
  }
}

void PromptIndex::refresh_headers() {
  refresh();
  for (const std::string& name : std::exchange(stale_, {})) reread(name);
}

const PromptInfo* PromptIndex::find(const PromptName& name) const noexcept {
  const auto found = entries_.find(name);
  return found == entries_.end() ? nullptr : &found->second;
}

void PromptIndex::reread(const std::string& file_name) {
  const auto name = watch_ ? PromptName::parse(file_name) : std::nullopt;
  if (name) read(*name, file_name);
}

void PromptIndex::read_all() {
  entries_.clear();
  unreadable_.clear();
  stale_.clear();
  tails_.clear();
  total_bytes_ = 0;
  for (const std::string& name : directory_->names()) reread(name);
}

void PromptIndex::read(const PromptName& name, const std::string& file_name) {
  forget(name);
  unreadable_.erase(file_name);
  try {
    const auto fd = directory_->find_file(file_name);
    if (!fd) return;
    const std::string path = directory_->path_of(file_name);
    const PromptInfo info = read_prompt_info(fd->get(), name, path);
    tails_.insert(name, info.header.text_bytes, read_tail(fd->get(), info.header.text_bytes, path));
    entries_.emplace(name, info);
    total_bytes_ += info.charged_bytes();
  } catch (const Error& error) {
    // What we can't read may be another program's, or a newer one's: it is told of, and left alone.
    unreadable_.emplace(file_name, error.what());
  }
}

void PromptIndex::forget(const PromptName& name) {
  const auto found = entries_.find(name);
  if (found == entries_.end()) return;
  total_bytes_ -= found->second.charged_bytes();
  tails_.erase(name, found->second.header.text_bytes);
  entries_.erase(found);
}

}  // namespace pfcache
