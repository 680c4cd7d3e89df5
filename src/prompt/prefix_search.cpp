#include "prompt/prefix_search.hpp"

#include "base/bytes.hpp"
#include "hash/sha1.hpp"
#include "pfcache/error.hpp"
#include "prompt/prompt_file.hpp"

namespace pfcache {
namespace {

/// Nothing for a file that is gone, doesn't fit or has another text.
std::optional<PromptInfo> read_if_prefix(const Directory& directory, const Candidate& candidate,
                                         std::string_view prompt, const PromptFilter& filter) {
  const std::string file_name = candidate.name.file_name();
  const auto fd = directory.find_file(file_name);
  if (!fd) return std::nullopt;
  const std::string path = directory.path_of(file_name);
  const PromptInfo info = read_prompt_info(fd->get(), candidate.name, path);
  if (info.header.text_bytes != candidate.text_bytes || !fits(info, filter)) return std::nullopt;
  return has_prompt_text(fd->get(), prompt.substr(0, candidate.text_bytes), path) ? std::optional(info) : std::nullopt;
}

}  // namespace

bool fits(const PromptInfo& info, const PromptFilter& filter) noexcept {
  return (!filter.quant_bits || *filter.quant_bits == info.header.quant_bits) &&
         (!filter.model_id || *filter.model_id == info.header.model_id) &&
         (!filter.max_tokens || info.header.token_count <= *filter.max_tokens);
}

void drop_other_keys(std::vector<Candidate>& candidates, std::string_view prompt) {
  Sha1 hash;
  PromptKey key{hash.digest()};
  std::size_t hashed_bytes = 0;
  std::vector<Candidate> kept;
  for (auto candidate = candidates.rbegin(); candidate != candidates.rend(); ++candidate) {
    if (candidate->text_bytes > hashed_bytes) {
      hash.update(as_bytes(prompt.substr(hashed_bytes, candidate->text_bytes - hashed_bytes)));
      hashed_bytes = candidate->text_bytes;
      key = PromptKey{hash.digest()};
    }
    if (candidate->name.key == key) kept.push_back(*candidate);
  }
  candidates.assign(kept.rbegin(), kept.rend());
}

std::optional<PromptInfo> first_prefix(const Directory& directory, std::span<const Candidate> candidates,
                                       std::string_view prompt, const PromptFilter& filter) {
  for (const Candidate& candidate : candidates) {
    try {
      if (auto found = read_if_prefix(directory, candidate, prompt, filter)) return found;
    } catch (const Error&) {
      // A shorter one will do: what is wrong with this one is for load() and list() to say.
    }
  }
  return std::nullopt;
}

}  // namespace pfcache
