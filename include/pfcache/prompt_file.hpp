// KVC prompt-cache files, version 1: the rendered text of a prompt and the engine's state after reading it. The format
// is ds4's; every number in it is little-endian.
//
//   0 "KVC" 1 | quant, reason, ext flags, model id | tokens, hits, ctx, payload ABI (u32 each)
//   24 created, last used, payload bytes (u64 each) | 48 text bytes (u32) | 52 text | payload | trailer, to the end
//
// The file is called <key>.kv, its key being the SHA-1 of the text. A *recipe*, <key>.kvd, is our own form: the same
// header with the magic "KVD", the text, and instead of the payload the digests of the chunks it is made of, which a
// BlobStore keeps. Programs that know KVC alone refuse it by its name and by its magic.
//
// Example:
//
//   #include <pfcache/prompt_file.hpp>
//   #include <iostream>
//
//   int main() {
//     const auto name = pfcache::PromptName::parse("a9993e364706816aba3e25717850c26c9cd0d89d.kv");
//     std::cout << (name && name->form == pfcache::PromptForm::whole) << '\n';  // prints 1
//   }
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#pragma GCC visibility push(default)
namespace pfcache {

inline constexpr std::size_t kPromptHeaderBytes = 52;
/// The longest text that is read or written; checked before memory is taken.
inline constexpr std::uint64_t kMaxPromptTextBytes = std::uint64_t{256} << 20;
/// The longest trailer that is read or written.
inline constexpr std::uint64_t kMaxPromptTrailerBytes = std::uint64_t{256} << 20;

/// The SHA-1 of a text: a name, never a proof of integrity. A plain value.
class PromptKey {
 public:
  static constexpr std::size_t kSizeBytes = 20;

  constexpr PromptKey() = default;
  explicit constexpr PromptKey(const std::array<std::byte, kSizeBytes>& bytes) : bytes_(bytes) {}

  /// Exactly 40 lower-case hex digits. Throws: Errc::invalid_argument, quoting the text.
  [[nodiscard]] static PromptKey parse(std::string_view text);
  [[nodiscard]] static std::optional<PromptKey> try_parse(std::string_view text) noexcept;

  [[nodiscard]] std::string hex() const;
  [[nodiscard]] constexpr std::span<const std::byte, kSizeBytes> bytes() const noexcept { return bytes_; }

  friend constexpr auto operator<=>(const PromptKey&, const PromptKey&) = default;

 private:
  std::array<std::byte, kSizeBytes> bytes_{};
};

/// Why an engine saved. Files may hold other values, which are kept.
enum class SaveReason : std::uint8_t { unknown, cold, continued, evict, shutdown, agent_system, agent_session };

/// `cold`, `agent-system`, …; `unknown` for values without a name.
[[nodiscard]] std::string_view name_of(SaveReason reason) noexcept;
[[nodiscard]] std::optional<SaveReason> save_reason_named(std::string_view name) noexcept;

/// The 52 bytes that a file starts with, without the magic.
struct PromptHeader {
  std::uint8_t quant_bits = 0;
  SaveReason reason = SaveReason::unknown;
  std::uint8_t ext_flags = 0;  ///< bit 0: a tool map follows the payload
  std::uint8_t model_id = 0;   ///< 0 in older files
  std::uint32_t token_count = 0;
  std::uint32_t hit_count = 0;
  std::uint32_t ctx_size = 0;
  std::uint32_t payload_abi = 0;  ///< bytes 20–23: 0 in older files, 2 in newer ones
  std::uint64_t created_unix_secs = 0;
  std::uint64_t last_used_unix_secs = 0;
  std::uint64_t payload_bytes = 0;
  std::uint32_t text_bytes = 0;

  friend bool operator==(const PromptHeader&, const PromptHeader&) = default;
};

enum class PromptForm {
  whole,   ///< <key>.kv, as ds4 reads and writes it
  recipe,  ///< <key>.kvd, the payload being chunks in a BlobStore
};

/// Which entry a file of a prompt directory is.
struct PromptName {
  PromptKey key;
  PromptForm form = PromptForm::whole;

  /// Nothing for a name that is not an entry's.
  [[nodiscard]] static std::optional<PromptName> parse(std::string_view file_name) noexcept;
  [[nodiscard]] std::string file_name() const;

  friend auto operator<=>(const PromptName&, const PromptName&) = default;
};

/// What a file says of itself, its lengths checked against its size; neither text nor payload was looked at.
struct PromptInfo {
  PromptName name;
  PromptHeader header;
  std::uint64_t file_bytes = 0;
  std::uint64_t trailer_bytes = 0;

  /// Where the payload of a whole file begins.
  [[nodiscard]] std::uint64_t payload_offset() const noexcept { return kPromptHeaderBytes + header.text_bytes; }

  /// What the entry counts for in a budget: the file, and for a recipe also the payload as if nothing shared it, so
  /// that a budget is never exceeded when those it shares with go.
  [[nodiscard]] std::uint64_t charged_bytes() const noexcept {
    return file_bytes + (name.form == PromptForm::recipe ? header.payload_bytes : 0);
  }
};

/// Reads and checks the header of an open file. Throws: Errc::malformed, Errc::unsupported for another version,
/// Errc::too_large above a limit, all naming `path`; system errors.
[[nodiscard]] PromptInfo read_prompt_info(int fd, const PromptName& name, std::string_view path);

/// As above, and checks that the text's SHA-1 is the key and that a recipe is whole: all that can be checked of a file
/// that somebody else wrote. Throws: also Errc::damaged.
PromptInfo validate_prompt_file(int fd, const PromptName& name, std::string_view path);

/// Reads the payload of a whole file and checks it against the checksum that was made when it was saved. False when it
/// has none. Throws: Errc::damaged, naming `path`; system errors.
bool verify_prompt_payload(int fd, const PromptInfo& info, std::string_view path);

/// Takes an open file's checksum away: for those who are about to change its payload, which is unverified until
/// DiskKvCache::adopt gives it another. Throws: system errors.
void drop_prompt_checksum(int fd, std::string_view path);

}  // namespace pfcache
#pragma GCC visibility pop

template <>
struct std::hash<pfcache::PromptName> {
  std::size_t operator()(const pfcache::PromptName& name) const noexcept {
    std::size_t value = 0;
    std::memcpy(&value, name.key.bytes().data(), sizeof value);
    return value + static_cast<std::size_t>(name.form);
  }
};
