#include "prompt/loaded_prompt.hpp"

#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <utility>

#include "base/bytes.hpp"
#include "base/directory.hpp"
#include "pfcache/error.hpp"
#include "prompt/prompt_file.hpp"

namespace pfcache {

LoadedPrompt::Impl::~Impl() {
  // The mapping was made writable by nobody; munmap only wants the pointer so.
  if (!mapping.empty()) ::munmap(const_cast<std::byte*>(mapping.data()), mapping.size());  // NOLINT
}

std::span<const std::byte> LoadedPrompt::Impl::map() {
  if (mapping.empty()) {
    const std::size_t size = info.file_bytes;
    void* memory = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, fd.get(), 0);
    if (memory == MAP_FAILED) throw Error::from_last_errno(fmt::format("cannot map '{}'", path));
    mapping = {static_cast<const std::byte*>(memory), size};
  }
  return mapping.subspan(body_offset(info), info.header.payload_bytes);
}

void LoadedPrompt::Impl::take_chunks(std::vector<RecipeChunk> found) {
  chunks = std::move(found);
  std::uint64_t end = 0;
  for (const RecipeChunk& chunk : chunks) chunk_ends.push_back(end += chunk.size_bytes);
}

void LoadedPrompt::Impl::read_chunks(std::uint64_t offset, std::span<std::byte> out) const {
  if (blobs == nullptr) {
    throw Error(Errc::unsupported, fmt::format("'{}' is a recipe, and there is no blob store to read it from", path));
  }
  std::vector<std::byte> chunk_bytes;
  auto at = static_cast<std::size_t>(std::ranges::upper_bound(chunk_ends, offset) - chunk_ends.begin());
  for (; !out.empty(); ++at) {
    const std::uint64_t skip = offset - (chunk_ends[at] - chunks[at].size_bytes);
    const std::size_t size = std::min<std::uint64_t>(out.size(), chunks[at].size_bytes - skip);
    const bool all = size == chunks[at].size_bytes;
    if (!all) chunk_bytes.resize(chunks[at].size_bytes);
    const auto into = all ? out.first(size) : std::span<std::byte>(chunk_bytes);
    try {
      blobs->get_into(chunks[at].digest, into);
    } catch (const Error& error) {
      // An entry whose chunk is gone is as damaged as one whose chunk is broken.
      if (error.code() != Errc::not_found) throw;
      throw Error(Errc::damaged, fmt::format("'{}': a chunk is missing: {}", path, error.what()));
    }
    if (!all) std::copy_n(into.begin() + static_cast<std::ptrdiff_t>(skip), size, out.begin());
    out = out.subspan(size);
    offset += size;
  }
}

LoadedPrompt::LoadedPrompt(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
LoadedPrompt::LoadedPrompt(LoadedPrompt&&) noexcept = default;
LoadedPrompt& LoadedPrompt::operator=(LoadedPrompt&&) noexcept = default;
LoadedPrompt::~LoadedPrompt() = default;

const PromptInfo& LoadedPrompt::info() const noexcept { return impl_->info; }
const std::string& LoadedPrompt::text() const noexcept { return impl_->text; }

bool LoadedPrompt::is_verified() const noexcept { return impl_->is_verified; }

std::span<const std::byte> LoadedPrompt::payload() {
  if (impl_->info.header.payload_bytes == 0) return {};
  if (!impl_->is_recipe()) return impl_->map();
  if (impl_->decoded.empty()) {
    // The recipe was read and its lengths add up to this.
    std::vector<std::byte> bytes(impl_->info.header.payload_bytes);
    impl_->read_chunks(0, bytes);
    impl_->decoded = std::move(bytes);
  }
  return impl_->decoded;
}

void LoadedPrompt::read_payload(std::uint64_t offset, std::span<std::byte> out) const {
  const std::uint64_t size = impl_->info.header.payload_bytes;
  if (offset > size || out.size() > size - offset) {
    throw Error(Errc::invalid_argument, fmt::format("'{}': {} bytes at {} are wanted of a payload of {}", impl_->path,
                                                    out.size(), offset, size));
  }
  if (impl_->is_recipe()) {
    impl_->read_chunks(offset, out);
  } else {
    read_exactly_at(impl_->fd.get(), body_offset(impl_->info) + offset, out, impl_->path);
  }
}

std::vector<std::byte> LoadedPrompt::trailer() const {
  if (impl_->info.trailer_bytes > kMaxPromptTrailerBytes) {
    throw Error(Errc::too_large, fmt::format("'{}': a trailer of {} bytes, at most {} are read", impl_->path,
                                             impl_->info.trailer_bytes, kMaxPromptTrailerBytes));
  }
  std::vector<std::byte> bytes(impl_->info.trailer_bytes);
  read_exactly_at(impl_->fd.get(), impl_->info.file_bytes - bytes.size(), bytes, impl_->path);
  return bytes;
}

}  // namespace pfcache
