#include "prompt/prompt_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/bytes.hpp"
#include "base/directory.hpp"
#include "hash/sha1.hpp"
#include "pfcache/error.hpp"
#include "prompt/chunker.hpp"
#include "prompt/prompt_header.hpp"
#include "prompt/recipe.hpp"

namespace pfcache {
namespace {

/// The bytes between text and trailer.
std::uint64_t body_bytes(int fd, const PromptInfo& info, std::string_view path) {
  if (info.name.form == PromptForm::whole) return info.header.payload_bytes;
  std::array<std::byte, 4> count{};
  read_exactly_at(fd, body_offset(info), count, path);
  const auto chunks = load_le<std::uint32_t>(count);
  if (chunks > kMaxRecipeChunks) {
    throw Error(Errc::too_large, fmt::format("'{}': {} chunks, at most {} are read", path, chunks, kMaxRecipeChunks));
  }
  if (info.header.payload_bytes > chunks * kMaxChunkBytes) {
    throw Error(Errc::malformed, fmt::format("'{}': {} chunks can't have a payload of {} bytes", path, chunks,
                                             info.header.payload_bytes));
  }
  return recipe_bytes(chunks);
}

[[noreturn]] void refuse_length(std::string_view path, std::string_view what, std::uint64_t says, std::uint64_t has) {
  throw Error(Errc::malformed,
              fmt::format("'{}': the {} should have {} bytes, and {} are left of the file", path, what, says, has));
}

}  // namespace

std::uint64_t body_offset(const PromptInfo& info) noexcept { return kPromptHeaderBytes + info.header.text_bytes; }

PromptInfo read_prompt_info(int fd, const PromptName& name, std::string_view path) {
  PromptInfo info{name, {}, file_size_bytes(fd, path), 0};
  PromptHeaderBytes bytes{};
  read_exactly_at(fd, 0, bytes, path);
  info.header = decode_prompt_header(bytes, name.form, path);
  if (info.header.text_bytes > kMaxPromptTextBytes) {
    throw Error(Errc::too_large, fmt::format("'{}': a text of {} bytes, at most {} are read", path,
                                             info.header.text_bytes, kMaxPromptTextBytes));
  }
  // What is left is subtracted from, never added to: lengths of any size can't overflow.
  std::uint64_t left = info.file_bytes - std::min<std::uint64_t>(info.file_bytes, kPromptHeaderBytes);
  if (info.header.text_bytes > left) refuse_length(path, "text", info.header.text_bytes, left);
  left -= info.header.text_bytes;
  const std::uint64_t body = body_bytes(fd, info, path);
  if (body > left) refuse_length(path, name.form == PromptForm::whole ? "payload" : "recipe", body, left);
  info.trailer_bytes = left - body;
  return info;
}

std::string read_prompt_text(int fd, const PromptInfo& info, std::string_view path) {
  std::string text(info.header.text_bytes, '\0');
  read_exactly_at(fd, kPromptHeaderBytes, std::as_writable_bytes(std::span(text)), path);
  const PromptKey found{sha1(as_bytes(text))};
  if (found != info.name.key) {
    throw Error(Errc::damaged, fmt::format("'{}': its text has the key {}", path, found.hex()));
  }
  return text;
}

bool has_prompt_text(int fd, std::string_view text, std::string_view path) {
  std::array<std::byte, std::size_t{64} << 10> buffer{};
  for (std::size_t at = 0; at < text.size();) {
    const auto piece = as_bytes(text.substr(at, buffer.size()));
    const auto found = std::span<std::byte>(buffer).first(piece.size());
    read_exactly_at(fd, kPromptHeaderBytes + at, found, path);
    if (!std::ranges::equal(found, piece)) return false;
    at += piece.size();
  }
  return true;
}

PromptInfo validate_prompt_file(int fd, const PromptName& name, std::string_view path) {
  PromptInfo info = read_prompt_info(fd, name, path);
  std::ignore = read_prompt_text(fd, info, path);
  if (name.form == PromptForm::recipe) std::ignore = read_recipe(fd, info, path);
  return info;
}

}  // namespace pfcache
