#include "cas/encodings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/directory.hpp"
#include "cas/planes_codec.hpp"
#include "cas/scratch.hpp"
#include "cas/zstd_codec.hpp"
#include "pfcache/error.hpp"

namespace pfcache {
namespace {

// Level 1 is the fastest that compresses KV-like bf16 at all: negative levels leave literals as they are, and higher
// ones find no more.
constexpr int kFastLevel = 1;
constexpr int kPfCoreLevel = 19;

// Fills `out` from the start of the file. A file that shrank since it was opened, or a disk that can't give its bytes
// back, is a damaged blob, which a put repairs; every other failure says nothing about the blob.
void read_stored(const StoredFile& file, std::span<std::byte> out) {
  try {
    read_exactly_at(file.fd.get(), 0, out, file.path);
  } catch (const Error& error) {
    const bool is_damage = error.code() == Errc::malformed || error.code() == std::errc::io_error;
    if (!is_damage) throw;
    throw Error(Errc::damaged, fmt::format("blob file '{}': {}", file.path, error.what()));
  }
}

EncodedBlob encode_raw(std::span<const std::byte> plain, EncodingPolicy /*policy*/) {
  return EncodedBlob::plain(plain);
}

void decode_raw_into(const StoredFile& file, std::span<std::byte> out) {
  if (file.size_bytes != out.size()) {
    throw Error(Errc::damaged,
                fmt::format("blob file '{}': expected {} bytes, found {}", file.path, out.size(), file.size_bytes));
  }
  read_stored(file, out);
}

std::vector<std::byte> decode_raw(const StoredFile& file, std::uint64_t limit_bytes) {
  if (file.size_bytes > limit_bytes) {
    throw Error(Errc::too_large, fmt::format("blob file '{}': expected at most {} bytes, found {}", file.path,
                                             limit_bytes, file.size_bytes));
  }
  std::vector<std::byte> out(file.size_bytes);
  read_stored(file, out);
  return out;
}

EncodedBlob encode_zstd(std::span<const std::byte> plain, EncodingPolicy policy) {
  const int level = policy == EncodingPolicy::zstd_19 ? kPfCoreLevel : kFastLevel;
  return EncodedBlob::owned(Encoding::zstd, zstd_encode(plain, level));
}

// Calls `use` with the bytes of a file that decodes to at most `plain_bytes`, and so has at most `max_bytes`.
template <typename Use>
auto with_stored(const StoredFile& file, std::uint64_t plain_bytes, std::uint64_t max_bytes, Errc reason, Use&& use) {
  if (file.size_bytes > max_bytes) {
    throw Error(reason, fmt::format("blob file '{}': expected at most {} stored bytes for {} plain ones, found {}",
                                    file.path, max_bytes, plain_bytes, file.size_bytes));
  }
  const Scratch stored(file.size_bytes);
  read_stored(file, stored.bytes());
  return use(std::span<const std::byte>(stored.bytes()));
}

void decode_zstd_into(const StoredFile& file, std::span<std::byte> out) {
  with_stored(file, out.size(), zstd_max_stored_bytes(out.size()), Errc::damaged,
              [&](auto stored) { zstd_decode_into(stored, out, file.path); });
}

std::vector<std::byte> decode_zstd(const StoredFile& file, std::uint64_t limit_bytes) {
  return with_stored(file, limit_bytes, zstd_max_stored_bytes(limit_bytes), Errc::too_large,
                     [&](auto stored) { return zstd_decode(stored, limit_bytes, file.path); });
}

template <std::size_t kWidth>
EncodedBlob encode_planes(std::span<const std::byte> plain, EncodingPolicy /*policy*/) {
  return EncodedBlob::owned(kWidth == 2 ? Encoding::planes2 : Encoding::planes4, planes_encode(plain, kWidth));
}

template <std::size_t kWidth>
void decode_planes_into(const StoredFile& file, std::span<std::byte> out) {
  with_stored(file, out.size(), planes_max_stored_bytes(kWidth, out.size()), Errc::damaged,
              [&](auto stored) { planes_decode_into(stored, kWidth, out, file.path); });
}

template <std::size_t kWidth>
std::vector<std::byte> decode_planes(const StoredFile& file, std::uint64_t limit_bytes) {
  return with_stored(file, limit_bytes, planes_max_stored_bytes(kWidth, limit_bytes), Errc::too_large,
                     [&](auto stored) {
                       const std::uint64_t plain_bytes = planes_plain_bytes(stored, kWidth, file.path);
                       if (plain_bytes > limit_bytes) {
                         throw Error(Errc::too_large, fmt::format("blob file '{}': expected at most {} bytes, found {}",
                                                                  file.path, limit_bytes, plain_bytes));
                       }
                       std::vector<std::byte> out(plain_bytes);
                       planes_decode_into(stored, kWidth, out, file.path);
                       return out;
                     });
}

constexpr std::array kCodecs = {
    Codec{Encoding::raw, "raw", ".raw", encode_raw, decode_raw_into, decode_raw},
    Codec{Encoding::planes2, "planes2", ".zp2", encode_planes<2>, decode_planes_into<2>, decode_planes<2>},
    Codec{Encoding::planes4, "planes4", ".zp4", encode_planes<4>, decode_planes_into<4>, decode_planes<4>},
    Codec{Encoding::zstd, "zstd", ".zst", encode_zstd, decode_zstd_into, decode_zstd},
};

// Raw can be mapped and costs nothing to read: worth 3 % of space.
bool saves_enough(std::uint64_t stored_bytes, std::uint64_t plain_bytes) noexcept {
  return stored_bytes <= plain_bytes - plain_bytes * 3 / 100 && stored_bytes < plain_bytes;
}

const Codec& codec_for(const BlobHint& hint) noexcept {
  switch (hint.element_bytes) {
    case 2: return codec_of(Encoding::planes2);
    case 4: return codec_of(Encoding::planes4);
    default: return codec_of(Encoding::zstd);
  }
}

// Pieces from all over a blob, as long as zstd's own blocks would see of them: enough to tell noise from numbers from
// repetition, at a sixteenth of the work for a blob of 1 MiB.
constexpr std::size_t kSamplePieces = 4;
constexpr std::size_t kSamplePieceBytes = 16 << 10;

std::vector<std::byte> sample_of(std::span<const std::byte> plain) {
  std::vector<std::byte> sample;
  sample.reserve(kSamplePieces * kSamplePieceBytes);
  const std::size_t stride = (plain.size() / kSamplePieces) & ~std::size_t{15};  // keeps elements whole
  for (std::size_t i = 0; i < kSamplePieces; ++i) {
    const auto piece = plain.subspan(i * stride, kSamplePieceBytes);
    sample.insert(sample.end(), piece.begin(), piece.end());
  }
  return sample;
}

// Planes decode twice as fast as zstd, so zstd must be clearly smaller to be chosen over them: when pages repeat within
// themselves, or are mostly zeros.
constexpr double kClearlySmaller = 0.95;

const Codec* choose_codec(std::span<const std::byte> plain, const BlobHint& hint) {
  const Codec& zstd = codec_of(Encoding::zstd);
  const Codec& planes = codec_for(hint);
  const bool is_large = plain.size() > 2 * kSamplePieces * kSamplePieceBytes;
  if (!is_large && &planes == &zstd) return &zstd;  // trying costs as much as doing
  const std::vector<std::byte> sample = is_large ? sample_of(plain) : std::vector(plain.begin(), plain.end());
  const auto size_by = [&](const Codec& codec) {
    return codec.encode(sample, EncodingPolicy::automatic).bytes().size();
  };
  const std::size_t zstd_bytes = size_by(zstd);
  const std::size_t planes_bytes = &planes == &zstd ? zstd_bytes : size_by(planes);
  if (is_large && !saves_enough(std::min(zstd_bytes, planes_bytes), sample.size())) return &codec_of(Encoding::raw);
  const bool is_zstd_better = static_cast<double>(zstd_bytes) < kClearlySmaller * static_cast<double>(planes_bytes);
  return is_zstd_better ? &zstd : &planes;
}

}  // namespace

std::span<const Codec> codecs() noexcept { return kCodecs; }

const Codec& codec_of(Encoding encoding) noexcept {
  return *std::find_if(kCodecs.begin(), kCodecs.end(), [=](const Codec& codec) { return codec.encoding == encoding; });
}

std::string_view name_of(Encoding encoding) noexcept { return codec_of(encoding).name; }

EncodedBlob encode_blob(std::span<const std::byte> plain, EncodingPolicy policy, const BlobHint& hint) {
  switch (policy) {
    case EncodingPolicy::raw: return encode_raw(plain, policy);
    case EncodingPolicy::zstd_19: return encode_zstd(plain, policy);
    case EncodingPolicy::automatic: break;
  }
  EncodedBlob encoded = choose_codec(plain, hint)->encode(plain, policy);
  return saves_enough(encoded.bytes().size(), plain.size()) ? std::move(encoded) : encode_raw(plain, policy);
}

}  // namespace pfcache
