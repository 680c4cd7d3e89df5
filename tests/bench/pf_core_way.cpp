#include "bench/pf_core_way.hpp"

#include <fcntl.h>
#include <sodium.h>
#include <unistd.h>
#include <zstd.h>

#include <array>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>

#include "pfcache/error.hpp"
#include "pfcache/sha256.hpp"
#include "pfcache/unique_fd.hpp"

namespace pfcache::bench {
namespace {

constexpr int kLevel = 19;

std::size_t check(std::size_t result) {
  if (ZSTD_isError(result) != 0) throw std::runtime_error(ZSTD_getErrorName(result));
  return result;
}

std::vector<std::byte> encode(std::span<const std::byte> bytes) {
  const std::unique_ptr<ZSTD_CCtx, std::size_t (*)(ZSTD_CCtx*)> encoder(ZSTD_createCCtx(), &ZSTD_freeCCtx);
  check(ZSTD_CCtx_setParameter(encoder.get(), ZSTD_c_compressionLevel, kLevel));
  std::vector<std::byte> out;
  std::vector<std::byte> piece(ZSTD_CStreamOutSize());
  ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
  // First all input without its end, so that the encoder can't know the size.
  for (const ZSTD_EndDirective directive : {ZSTD_e_continue, ZSTD_e_end}) {
    for (std::size_t left = 1; left != 0;) {
      ZSTD_outBuffer room{piece.data(), piece.size(), 0};
      const std::size_t pending = check(ZSTD_compressStream2(encoder.get(), &room, &in, directive));
      left = directive == ZSTD_e_continue ? in.size - in.pos : pending;
      out.insert(out.end(), piece.begin(), piece.begin() + static_cast<std::ptrdiff_t>(room.pos));
    }
  }
  return out;
}

std::vector<std::byte> decode(std::span<const std::byte> stored) {
  const std::unique_ptr<ZSTD_DCtx, std::size_t (*)(ZSTD_DCtx*)> decoder(ZSTD_createDCtx(), &ZSTD_freeDCtx);
  std::vector<std::byte> out;
  std::vector<std::byte> piece(ZSTD_DStreamOutSize());
  ZSTD_inBuffer in{stored.data(), stored.size(), 0};
  for (std::size_t left = 1; left != 0;) {
    ZSTD_outBuffer room{piece.data(), piece.size(), 0};
    left = check(ZSTD_decompressStream(decoder.get(), &room, &in));
    out.insert(out.end(), piece.begin(), piece.begin() + static_cast<std::ptrdiff_t>(room.pos));
  }
  return out;
}

void write_synced(const std::filesystem::path& path, std::span<const std::byte> bytes) {
  const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (!fd) throw Error::from_last_errno("cannot create " + path.native());
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd.get(), bytes.data(), bytes.size());
    if (written < 0) throw Error::from_last_errno("cannot write " + path.native());
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  if (::fsync(fd.get()) != 0) throw Error::from_last_errno("cannot sync " + path.native());
}

}  // namespace

std::filesystem::path PfCoreWay::path_of(const Digest& digest) const {
  const std::string hex = digest.hex();
  return root_ / hex.substr(0, 2) / (hex + ".zst");
}

Digest PfCoreWay::put(std::span<const std::byte> bytes) {
  const Digest digest = hash(bytes);
  const std::filesystem::path path = path_of(digest);
  std::filesystem::create_directories(path.parent_path());
  const std::vector<std::byte> encoded = encode(bytes);
  write_synced(path.native() + ".tmp", encoded);
  std::filesystem::rename(path.native() + ".tmp", path);
  physical_bytes_ += encoded.size();
  return digest;
}

std::vector<std::byte> PfCoreWay::get(const Digest& digest) const {
  const std::filesystem::path path = path_of(digest);
  std::vector<std::byte> stored(std::filesystem::file_size(path));
  std::ifstream file(path, std::ios::binary);
  if (!file.read(reinterpret_cast<char*>(stored.data()), static_cast<std::streamsize>(stored.size()))) {
    throw std::runtime_error("cannot read " + path.native());
  }
  std::vector<std::byte> plain = decode(stored);
  if (hash(plain) != digest) throw std::runtime_error("a blob is not what it was");
  return plain;
}

std::vector<Digest> PfCoreWay::list() const {
  std::vector<Digest> found;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root_)) {
    if (entry.path().extension() == ".zst") found.push_back(Digest::parse(entry.path().stem().native()));
  }
  return found;
}

Digest PfCoreWay::hash(std::span<const std::byte> bytes) const {
  if (hash_ == HashBy::sha_instructions) return sha256(bytes);
  std::array<std::byte, Digest::kSizeBytes> out;
  crypto_hash_sha256(reinterpret_cast<unsigned char*>(out.data()), reinterpret_cast<const unsigned char*>(bytes.data()),
                     bytes.size());
  return Digest(out);
}

}  // namespace pfcache::bench
