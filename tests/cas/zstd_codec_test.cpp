#include "cas/zstd_codec.hpp"

#include <doctest/doctest.h>
#include <zstd.h>

#include "cas/frames.hpp"
#include "cas/samples.hpp"
#include "support/failure.hpp"

namespace pfcache::test {
namespace {

constexpr std::string_view kPath = "the/file";

Bytes decode_into(const Bytes& stored, std::size_t size) {
  Bytes out(size);
  zstd_decode_into(stored, out, kPath);
  return out;
}

TEST_CASE("encoding makes one frame with its content size, at any level") {
  for (const int level : {-5, 1, 19}) {
    for (const std::size_t size : {0U, 1U, 1000U, 300'000U}) {
      CAPTURE(level);
      CAPTURE(size);
      const Bytes plain = compressible_bytes(size, 1);
      const Bytes frame = zstd_encode(plain, level);
      CHECK(ZSTD_findFrameCompressedSize(frame.data(), frame.size()) == frame.size());
      CHECK(ZSTD_getFrameContentSize(frame.data(), frame.size()) == size);
      CHECK(decode_into(frame, size) == plain);
      CHECK(zstd_decode(frame, size, kPath) == plain);
    }
  }
}

TEST_CASE("frames without a content size are read") {
  for (const std::size_t size : {0U, 1U, 5000U, 200'000U}) {
    const Bytes plain = compressible_bytes(size, 1);
    const Bytes frame = streamed_frame(plain);
    REQUIRE(ZSTD_getFrameContentSize(frame.data(), frame.size()) == ZSTD_CONTENTSIZE_UNKNOWN);
    CHECK(decode_into(frame, size) == plain);
    CHECK(zstd_decode(frame, size, kPath) == plain);
  }
}

TEST_CASE("frames that follow one another are read as one blob") {
  const Bytes a = compressible_bytes(70'000, 1);
  const Bytes b = random_bytes(10, 2);
  const Bytes plain = joined({a, b, {}, a});
  const Bytes frames = joined({zstd_encode(a, 1), streamed_frame(b), zstd_encode({}, 1), zstd_encode(a, 19)});
  CHECK(decode_into(frames, plain.size()) == plain);
  CHECK(zstd_decode(frames, plain.size(), kPath) == plain);
}

TEST_CASE("the empty blob as pf-core writes it is read") {
  const Bytes frame = {std::byte{0x28}, std::byte{0xb5}, std::byte{0x2f}, std::byte{0xfd}, std::byte{0x20},
                       std::byte{0},    std::byte{1},    std::byte{0},    std::byte{0}};
  CHECK(decode_into(frame, 0).empty());
  CHECK(zstd_decode(frame, 0, kPath).empty());
}

TEST_CASE("a frame cut anywhere is damaged, whether the size is known or not") {
  const Bytes plain = compressible_bytes(500, 1);
  for (const Bytes& frame : {zstd_encode(plain, 1), streamed_frame(plain)}) {
    for (std::size_t size = 0; size < frame.size(); ++size) {
      CAPTURE(size);
      const Bytes cut(frame.begin(), frame.begin() + static_cast<std::ptrdiff_t>(size));
      CHECK(failure_of([&] { decode_into(cut, plain.size()); }).code == Errc::damaged);
      CHECK(failure_of([&] { std::ignore = zstd_decode(cut, 1 << 20, kPath); }).code == Errc::damaged);
    }
  }
}

TEST_CASE("bytes after the last frame are damage") {
  Bytes stored = zstd_encode(compressible_bytes(500, 1), 1);
  stored.push_back(std::byte{0});
  CHECK(failure_of([&] { decode_into(stored, 500); }).code == Errc::damaged);
  CHECK(failure_of([&] { std::ignore = zstd_decode(stored, 1 << 20, kPath); }).code == Errc::damaged);
}

TEST_CASE("a message names the file, what was expected and what was found") {
  const Bytes frame = zstd_encode(compressible_bytes(500, 1), 1);
  const std::string fewer = failure_of([&] { decode_into(frame, 501); }).what;
  CHECK(fewer.find("'the/file': expected 501 bytes, found 500") != std::string::npos);
  const std::string more = failure_of([&] { decode_into(frame, 499); }).what;
  CHECK(more.find("'the/file': expected 499 bytes, found more") != std::string::npos);
  const std::string limited = failure_of([&] { std::ignore = zstd_decode(frame, 499, kPath); }).what;
  CHECK(limited.find("'the/file': expected at most 499 bytes, found more") != std::string::npos);
}

TEST_CASE("a frame whose window is above the limit is refused when memory would be taken for it") {
  // A hand-made header: descriptor 0 (window, no content size), window 2^28; then one empty last block.
  const Bytes frame = {std::byte{0x28}, std::byte{0xb5}, std::byte{0x2f}, std::byte{0xfd}, std::byte{0},
                       std::byte{0x90}, std::byte{1},    std::byte{0},    std::byte{0}};
  CHECK(failure_of([&] { std::ignore = zstd_decode(frame, 1 << 20, kPath); }).code == Errc::too_large);
  CHECK(decode_into(frame, 0).empty());  // none is taken for a known size
}

}  // namespace
}  // namespace pfcache::test
