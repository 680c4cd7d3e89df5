// An entry as the whole file that it is or stands for.
#include <fmt/format.h>

#include <algorithm>

#include "base/bytes.hpp"
#include "base/directory.hpp"
#include "pfcache/error.hpp"
#include "prompt/loaded_prompt.hpp"
#include "prompt/locks.hpp"
#include "prompt/prompt_file.hpp"
#include "prompt/prompt_header.hpp"

namespace pfcache {

std::uint64_t LoadedPrompt::Impl::payload_end() const noexcept { return body_offset(info) + info.header.payload_bytes; }

std::uint64_t LoadedPrompt::Impl::trailer_offset() const noexcept { return info.file_bytes - info.trailer_bytes; }

void LoadedPrompt::Impl::require_trailer(std::uint64_t size_bytes) const {
  if (size_bytes <= kMaxPromptTrailerBytes) return;
  throw Error(Errc::too_large, fmt::format("'{}': a trailer of {} bytes, at most {} are kept", path, size_bytes,
                                           kMaxPromptTrailerBytes));
}

void LoadedPrompt::Impl::read_header(std::uint64_t offset, std::span<std::byte> out) const {
  PromptHeaderBytes bytes{};
  read_exactly_at(fd.get(), 0, bytes, path);
  bytes = encode_prompt_header(decode_prompt_header(bytes, info.name.form, path), PromptForm::whole);
  std::ranges::copy(std::span(bytes).subspan(offset, out.size()), out.begin());
}

bool LoadedPrompt::Impl::write_header(std::uint64_t offset, std::span<const std::byte> bytes) {
  const auto header = encode_prompt_header(info.header, PromptForm::whole);
  const std::uint64_t end = offset + bytes.size();
  for (std::uint64_t at = offset; at < end; ++at) {
    const bool is_fixed = at < kMagicEnd || at >= kLengthsOffset;
    if (is_fixed && bytes[at - offset] != header.at(at)) return false;
  }
  const std::uint64_t begin = std::max(offset, kMagicEnd);
  if (begin >= end) return true;
  const HeaderLock lock(fd.get());
  write_at(begin, bytes.subspan(begin - offset));
  return true;
}

void LoadedPrompt::Impl::write_at(std::uint64_t offset, std::span<const std::byte> bytes) {
  write_exactly_at(*ops, fd.get(), offset, bytes, path);
}

int LoadedPrompt::fd() const noexcept { return impl_->fd.get(); }

std::uint64_t LoadedPrompt::whole_bytes() const {
  const std::uint64_t size = file_size_bytes(impl_->fd.get(), impl_->path);
  return impl_->payload_end() + size - std::min(size, impl_->trailer_offset());
}

void LoadedPrompt::read_whole(std::uint64_t offset, std::span<std::byte> out) const {
  // The parts one after the other, each giving what falls into it.
  const auto take = [&](std::uint64_t part_end, auto&& read) {
    if (offset >= part_end || out.empty()) return;
    const std::size_t size = std::min<std::uint64_t>(out.size(), part_end - offset);
    read(out.first(size));
    offset += size;
    out = out.subspan(size);
  };
  const std::uint64_t text_end = body_offset(impl_->info);
  take(kPromptHeaderBytes, [&](std::span<std::byte> part) { impl_->read_header(offset, part); });
  take(text_end, [&](std::span<std::byte> part) {
    std::ranges::copy(as_bytes(impl_->text).subspan(offset - kPromptHeaderBytes, part.size()), part.begin());
  });
  take(impl_->payload_end(), [&](std::span<std::byte> part) { read_payload(offset - text_end, part); });
  if (out.empty()) return;
  read_exactly_at(impl_->fd.get(), impl_->trailer_offset() + offset - impl_->payload_end(), out, impl_->path);
}

bool LoadedPrompt::write_whole(std::uint64_t offset, std::span<const std::byte> bytes) {
  if (offset <= kPromptHeaderBytes && bytes.size() <= kPromptHeaderBytes - offset) {
    return impl_->write_header(offset, bytes);
  }
  if (offset < impl_->payload_end()) return false;
  const std::uint64_t in_trailer = offset - impl_->payload_end();
  impl_->require_trailer(in_trailer);
  impl_->require_trailer(in_trailer + bytes.size());
  impl_->write_at(impl_->trailer_offset() + in_trailer, bytes);
  return true;
}

bool LoadedPrompt::resize_whole(std::uint64_t size_bytes) {
  if (size_bytes < impl_->payload_end()) return false;
  const std::uint64_t trailer_bytes = size_bytes - impl_->payload_end();
  impl_->require_trailer(trailer_bytes);
  const auto file_bytes = static_cast<off_t>(impl_->trailer_offset() + trailer_bytes);
  if (impl_->ops->resize(impl_->fd.get(), file_bytes) == 0) return true;
  throw Error::from_last_errno(fmt::format("cannot give '{}' another length", impl_->path));
}

}  // namespace pfcache
