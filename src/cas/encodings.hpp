// The ways a blob's bytes are kept in a file: one table, and the choice among them.
//
// A new encoding is a row of the table: a suffix, a way in and a way out. Everything else goes over the table.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cas/verified_files.hpp"
#include "pfcache/blob_store.hpp"
#include "pfcache/fs_blob_store.hpp"
#include "pfcache/unique_fd.hpp"

namespace pfcache {

/// A blob's file, open for reading.
struct StoredFile {
  UniqueFd fd;
  std::uint64_t size_bytes = 0;
  std::string path;  ///< for messages
  FileStamp stamp;
};

/// A blob's bytes as they go into its file: owned, or the caller's own bytes when they are kept as they are.
class EncodedBlob {
 public:
  [[nodiscard]] static EncodedBlob plain(std::span<const std::byte> bytes) { return {Encoding::raw, {}, bytes}; }
  [[nodiscard]] static EncodedBlob owned(Encoding encoding, std::vector<std::byte> bytes) {
    const std::span<const std::byte> view(bytes);
    return {encoding, std::move(bytes), view};
  }
  EncodedBlob(EncodedBlob&&) noexcept = default;

  [[nodiscard]] Encoding encoding() const noexcept { return encoding_; }
  [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return bytes_; }

 private:
  EncodedBlob(Encoding encoding, std::vector<std::byte> owned, std::span<const std::byte> bytes)
      : encoding_(encoding), owned_(std::move(owned)), bytes_(bytes) {}

  Encoding encoding_;
  std::vector<std::byte> owned_;  // a move keeps its bytes where they are
  std::span<const std::byte> bytes_;
};

struct Codec {
  Encoding encoding;
  std::string_view name;    ///< for people and programs
  std::string_view suffix;  ///< of the file's name, with its dot
  EncodedBlob (*encode)(std::span<const std::byte> plain, EncodingPolicy policy);

  /// Fills `out` from a file that must hold exactly out.size() plain bytes. Throws: Errc::damaged.
  void (*decode_into)(const StoredFile& file, std::span<std::byte> out);

  /// The file's plain bytes, at most `limit_bytes`. Throws: Errc::damaged, Errc::too_large.
  std::vector<std::byte> (*decode)(const StoredFile& file, std::uint64_t limit_bytes);
};

/// All encodings, in the order in which a reader looks for them: cheapest to read first.
[[nodiscard]] std::span<const Codec> codecs() noexcept;

[[nodiscard]] const Codec& codec_of(Encoding encoding) noexcept;

/// `plain` in the encoding that `policy` chooses for it; where it leaves the choice, what suits a sample of it best.
[[nodiscard]] EncodedBlob encode_blob(std::span<const std::byte> plain, EncodingPolicy policy, const BlobHint& hint);

}  // namespace pfcache
