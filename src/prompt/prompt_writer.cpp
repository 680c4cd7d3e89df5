#include "prompt/prompt_writer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/bytes.hpp"
#include "base/parallel.hpp"
#include "pfcache/error.hpp"
#include "prompt/chunker.hpp"
#include "prompt/locks.hpp"
#include "prompt/payload_checksum.hpp"
#include "prompt/prompt_header.hpp"
#include "prompt/recipe.hpp"

namespace pfcache {
namespace {

constexpr std::size_t kChunksAtOnce = 64;

class Writer {
 public:
  Writer(const Directory& directory, const PromptSave& prompt, PayloadSource& source, const PromptWriteOptions& options)
      : directory_(directory), prompt_(prompt), source_(source), options_(options), file_(directory) {
    lock_temp_file(file_.fd());
    info_.name = {DiskKvCache::key_for(prompt.text), options.blobs == nullptr ? PromptForm::whole : PromptForm::recipe};
    info_.header = prompt.header;
    info_.header.text_bytes = static_cast<std::uint32_t>(prompt.text.size());
    info_.trailer_bytes = prompt.trailer.size();
  }

  WrittenPrompt write() {
    const auto expected = source_.size_bytes();
    const std::uint64_t around = kPromptHeaderBytes + prompt_.text.size() + prompt_.trailer.size();
    require_fit(around + expected.value_or(0));
    const bool is_whole = info_.name.form == PromptForm::whole;
    if (is_whole && expected) file_.allocate(around + *expected);

    write_header();
    file_.write(as_bytes(prompt_.text));
    const bool has_checksum = is_whole ? copy_payload(around) : write_chunks(around);
    if (expected && *expected != info_.header.payload_bytes) {
      throw Error(Errc::mismatch,
                  fmt::format("the payload had {} bytes and ended after {}", *expected, info_.header.payload_bytes));
    }
    file_.write(prompt_.trailer);
    write_header();
    file_.sync();
    return {std::move(file_), info_, has_checksum};
  }

 private:
  void require_fit(std::uint64_t bytes) const {
    if (bytes <= options_.limit_bytes) return;
    throw Error(Errc::too_large, fmt::format("prompt {}: {} bytes never fit a budget of {}", info_.name.key.hex(),
                                             bytes, options_.limit_bytes));
  }

  // First to keep its place, and again when the payload's length is known.
  void write_header() {
    const auto bytes = encode_prompt_header(info_.header, info_.name.form);
    if (info_.file_bytes == 0) {
      file_.write(bytes);
      info_.file_bytes = kPromptHeaderBytes + prompt_.text.size() + prompt_.trailer.size();
    } else {
      file_.write_at(0, bytes);
    }
  }

  /// The source's next bytes, which take at most the room there is. Throws: also Errc::interrupted.
  std::size_t read(std::span<std::byte> out, std::uint64_t around) {
    throw_if_stopped(options_.stop);
    const std::size_t count = source_.read(out);
    info_.header.payload_bytes += count;
    require_fit(around + info_.header.payload_bytes);
    return count;
  }

  bool copy_payload(std::uint64_t around) {
    info_.header.payload_bytes = 0;
    std::vector<std::byte> block(kChecksumBlockBytes);
    PayloadChecksum checksum;
    std::size_t count = 0;
    do {
      count = read(block, around);
      const auto found = std::span<const std::byte>(block).first(count);
      file_.write(found);
      checksum.update(found);
    } while (count == block.size());
    info_.file_bytes += info_.header.payload_bytes;
    return write_checksum(directory_.ops(), file_.fd(), checksum.finish(), directory_.path());
  }

  bool write_chunks(std::uint64_t around) {
    info_.header.payload_bytes = 0;
    const auto batch = options_.blobs->begin_batch();
    std::vector<RecipeChunk> chunks;
    std::vector<std::byte> buffer(kMaxChunkBytes * kChunksAtOnce);
    std::size_t held = 0;
    bool at_end = false;
    while (!at_end) {
      const std::size_t wanted = buffer.size() - held;
      const std::size_t count = read(std::span(buffer).subspan(held), around);
      at_end = count < wanted;
      held += count;
      const std::size_t used = put_chunks(*batch, std::span(buffer).first(held), at_end, chunks);
      held -= used;
      std::memmove(buffer.data(), buffer.data() + used, held);
    }
    batch->commit();
    const auto recipe = encode_recipe(info_.name.key, chunks);
    file_.write(recipe);
    info_.file_bytes += recipe.size();
    require_fit(info_.charged_bytes());
    return true;  // the digests are it
  }

  /// Puts the chunks that are known to end within `bytes`; returns how many bytes they take.
  std::size_t put_chunks(BlobBatch& batch, std::span<const std::byte> bytes, bool at_end,
                         std::vector<RecipeChunk>& chunks) const {
    std::vector<std::span<const std::byte>> blobs;
    std::size_t used = 0;
    while (used < bytes.size() && (at_end || bytes.size() - used >= kMaxChunkBytes)) {
      const auto rest = bytes.subspan(used);
      blobs.push_back(rest.first(first_chunk_bytes(rest)));
      used += blobs.back().size();
    }
    if (chunks.size() + blobs.size() > kMaxRecipeChunks) {
      throw Error(Errc::too_large,
                  fmt::format("prompt {}: more than {} chunks", info_.name.key.hex(), kMaxRecipeChunks));
    }
    std::vector<PutResult> results(blobs.size());
    batch.put_many(blobs, results, {});
    for (std::size_t i = 0; i < blobs.size(); ++i) {
      chunks.push_back({results[i].digest, static_cast<std::uint32_t>(blobs[i].size())});
    }
    return used;
  }

  const Directory& directory_;
  const PromptSave& prompt_;
  PayloadSource& source_;
  const PromptWriteOptions& options_;
  PendingFile file_;
  PromptInfo info_;
};

}  // namespace

WrittenPrompt write_prompt(const Directory& directory, const PromptSave& prompt, PayloadSource& source,
                           const PromptWriteOptions& options) {
  if (prompt.text.size() > kMaxPromptTextBytes) {
    throw Error(Errc::too_large,
                fmt::format("a text of {} bytes, at most {} are kept", prompt.text.size(), kMaxPromptTextBytes));
  }
  if (prompt.trailer.size() > kMaxPromptTrailerBytes) {
    throw Error(Errc::too_large, fmt::format("a trailer of {} bytes, at most {} are kept", prompt.trailer.size(),
                                             kMaxPromptTrailerBytes));
  }
  return Writer(directory, prompt, source, options).write();
}

}  // namespace pfcache
