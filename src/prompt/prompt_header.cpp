#include "prompt/prompt_header.hpp"

#include <fmt/format.h>

#include "base/bytes.hpp"
#include "pfcache/error.hpp"

namespace pfcache {
namespace {

constexpr std::byte kVersion{1};

std::string_view magic_of(PromptForm form) noexcept { return form == PromptForm::whole ? "KVC" : "KVD"; }

}  // namespace

PromptHeaderBytes encode_prompt_header(const PromptHeader& header, PromptForm form) noexcept {
  PromptHeaderBytes bytes{};
  const std::span<std::byte> out(bytes);
  const auto magic = as_bytes(magic_of(form));
  std::copy(magic.begin(), magic.end(), bytes.begin());
  bytes[3] = kVersion;
  bytes[4] = std::byte{header.quant_bits};
  bytes[5] = static_cast<std::byte>(header.reason);
  bytes[6] = std::byte{header.ext_flags};
  bytes[7] = std::byte{header.model_id};
  store_le(header.token_count, out.subspan(8));
  store_le(header.hit_count, out.subspan(kHitCountOffset));
  store_le(header.ctx_size, out.subspan(16));
  store_le(header.payload_abi, out.subspan(20));
  store_le(header.created_unix_secs, out.subspan(24));
  store_le(header.last_used_unix_secs, out.subspan(kLastUsedOffset));
  store_le(header.payload_bytes, out.subspan(40));
  store_le(header.text_bytes, out.subspan(48));
  return bytes;
}

PromptHeader decode_prompt_header(std::span<const std::byte, kPromptHeaderBytes> bytes, PromptForm form,
                                  std::string_view path) {
  if (as_text(bytes.first(3)) != magic_of(form)) {
    throw Error(Errc::malformed, fmt::format("'{}': it does not start with {}", path, magic_of(form)));
  }
  if (bytes[3] != kVersion) {
    throw Error(Errc::unsupported, fmt::format("'{}': expected version {}, found {}", path,
                                               std::to_integer<int>(kVersion), std::to_integer<int>(bytes[3])));
  }
  PromptHeader header;
  header.quant_bits = std::to_integer<std::uint8_t>(bytes[4]);
  header.reason = static_cast<SaveReason>(bytes[5]);
  header.ext_flags = std::to_integer<std::uint8_t>(bytes[6]);
  header.model_id = std::to_integer<std::uint8_t>(bytes[7]);
  header.token_count = load_le<std::uint32_t>(bytes.subspan(8));
  header.hit_count = load_le<std::uint32_t>(bytes.subspan(kHitCountOffset));
  header.ctx_size = load_le<std::uint32_t>(bytes.subspan(16));
  header.payload_abi = load_le<std::uint32_t>(bytes.subspan(20));
  header.created_unix_secs = load_le<std::uint64_t>(bytes.subspan(24));
  header.last_used_unix_secs = load_le<std::uint64_t>(bytes.subspan(kLastUsedOffset));
  header.payload_bytes = load_le<std::uint64_t>(bytes.subspan(40));
  header.text_bytes = load_le<std::uint32_t>(bytes.subspan(48));
  return header;
}

}  // namespace pfcache
