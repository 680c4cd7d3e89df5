#include "cas/planes_codec.hpp"

#include <doctest/doctest.h>

#include <bit>
#include <filesystem>

#include "cas/byte_planes.hpp"
#include "cas/samples.hpp"
#include "cas/tree.hpp"
#include "cas/zstd_codec.hpp"
#include "pfcache/error.hpp"
#include "pfcache/fs_blob_store.hpp"
#include "support/failure.hpp"
#include "support/temp_dir.hpp"

namespace pfcache::test {
namespace {

constexpr std::string_view kPath = "the/file";

// Normally distributed numbers, the upper `width` bytes of each as a float: what a KV cache looks like to an encoder.
Bytes numbers(std::size_t size_bytes, std::size_t width) {
  std::mt19937_64 random(3);
  std::normal_distribution<float> normal;
  Bytes bytes;
  while (bytes.size() < size_bytes) {
    const auto bits = std::bit_cast<std::uint32_t>(normal(random));
    for (std::size_t i = 4 - width; i < 4; ++i) bytes.push_back(static_cast<std::byte>(bits >> (8 * i)));
  }
  bytes.resize(size_bytes);
  return bytes;
}

Bytes decode(const Bytes& stored, std::size_t width, std::size_t size_bytes) {
  Bytes out(size_bytes);
  planes_decode_into(stored, width, out, kPath);
  return out;
}

TEST_CASE("planes hold the bytes of each position, and merge to what they were split from") {
  for (const std::size_t width : {2U, 4U}) {
    for (std::size_t count = 0; count <= 100; ++count) {
      const Bytes elements = random_bytes(count * width, count);
      Bytes planes(elements.size());
      split_planes(width, elements, planes);
      std::vector<const std::byte*> starts;
      for (std::size_t plane = 0; plane < width; ++plane) starts.push_back(planes.data() + plane * count);
      for (std::size_t i = 0; i < elements.size(); ++i) REQUIRE(starts[i % width][i / width] == elements[i]);
      Bytes merged(elements.size());
      merge_planes(starts, merged);
      REQUIRE(merged == elements);
    }
  }
}

TEST_CASE("every size comes back, whole elements or not") {
  for (const std::size_t width : {2U, 4U}) {
    for (const std::size_t size : {0U, 1U, 2U, 3U, 4U, 5U, 63U, 64U, 65U, 4096U, 70'001U, 300'002U}) {
      for (const Bytes& plain : {numbers(size, width), random_bytes(size, 1), Bytes(size)}) {
        CAPTURE(width);
        CAPTURE(size);
        const Bytes stored = planes_encode(plain, width);
        CHECK(stored.size() <= planes_max_stored_bytes(width, size));
        CHECK(planes_plain_bytes(stored, width, kPath) == size);
        CHECK(decode(stored, width, size) == plain);
      }
    }
  }
}

TEST_CASE("numbers become smaller than zstd at level 19 makes them") {
  const Bytes bf16 = numbers(1 << 20, 2);
  const double ratio = static_cast<double>(bf16.size()) / static_cast<double>(planes_encode(bf16, 2).size());
  CHECK(ratio >= 1.30);
  CHECK(planes_encode(bf16, 2).size() <= zstd_encode(bf16, 19).size());
  const Bytes f32 = numbers(1 << 20, 4);
  CHECK(planes_encode(f32, 4).size() <= zstd_encode(f32, 19).size());
}

TEST_CASE("a file of another kind, version or width, or with sizes that don't fit, is refused") {
  const Bytes plain = numbers(5001, 2);
  const Bytes good = planes_encode(plain, 2);
  REQUIRE(decode(good, 2, plain.size()) == plain);
  const auto refuses = [&](std::size_t offset, std::uint8_t value, std::string_view says) {
    Bytes bad = good;
    bad[offset] = std::byte{value};
    const auto failure = failure_of([&] { decode(bad, 2, plain.size()); });
    CHECK(failure.code == Errc::damaged);
    CHECK(failure.what.find(kPath) != std::string::npos);
    CHECK_MESSAGE(failure.what.find(says) != std::string::npos, failure.what);
  };
  refuses(0, 'X', "PFZP");
  refuses(4, 2, "version");
  refuses(5, 4, "elements of 2 bytes");
  refuses(6, 1, "bytes 6 and 7");
  refuses(8, 0, "plain");      // the plain size's low byte
  refuses(15, 0xff, "bytes");  // and its high one
  refuses(23, 0xff, "promised");
  CHECK(failure_of([&] { decode(good, 4, plain.size()); }).code == Errc::damaged);
  CHECK(failure_of([&] { decode(good, 2, plain.size() - 1); }).code == Errc::damaged);
  CHECK(failure_of([&] { decode(good, 2, plain.size() + 1); }).code == Errc::damaged);
}

TEST_CASE("a file cut short anywhere, or with more behind it, is refused") {
  const Bytes plain = numbers(301, 2);
  const Bytes good = planes_encode(plain, 2);
  for (std::size_t size = 0; size < good.size(); ++size) {
    const Bytes cut(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size));
    REQUIRE(failure_of([&] { decode(cut, 2, plain.size()); }).code == Errc::damaged);
  }
  Bytes longer = good;
  longer.push_back(std::byte{0});
  CHECK(failure_of([&] { decode(longer, 2, plain.size()); }).code == Errc::damaged);
}

TEST_CASE("a store keeps numbers as planes when it is told what they are") {
  const TempDir dir;
  FsBlobStore store(dir.path());
  for (const std::uint32_t width : {2U, 4U}) {
    const Bytes plain = numbers(200'000, width);
    const PutResult result = store.put(plain, {width});
    CHECK(store.find(result.digest)->encoding == (width == 2 ? Encoding::planes2 : Encoding::planes4));
    CHECK(store.get(result.digest) == plain);
    Bytes out(plain.size());
    store.get_into(result.digest, out);
    CHECK(out == plain);
    CHECK(failure_of([&] { std::ignore = store.get(result.digest, plain.size() - 1); }).code == Errc::too_large);
  }
}

TEST_CASE("what repeats goes to zstd, and noise stays raw, whatever the hint says") {
  const TempDir dir;
  FsBlobStore store(dir.path());
  Bytes repeating;
  const Bytes piece = random_bytes(3000, 7);
  while (repeating.size() < 300'000) repeating.insert(repeating.end(), piece.begin(), piece.end());
  CHECK(store.find(store.put(repeating, {2}).digest)->encoding == Encoding::zstd);
  CHECK(store.find(store.put(random_bytes(300'000, 8), {2}).digest)->encoding == Encoding::raw);
}

TEST_CASE("the pf-core policy writes no planes") {
  const TempDir dir;
  FsBlobStore store(dir.path(), EncodingPolicy::zstd_19);
  CHECK(store.find(store.put(numbers(100'000, 2), {2}).digest)->encoding == Encoding::zstd);
}

TEST_CASE("fs_detects_corruption: no wrong byte of a file of planes gets through, and a put repairs it") {
  const TempDir dir;
  FsBlobStore store(dir.path());
  const Bytes plain = numbers(2000, 2);
  const Digest digest = store.put(plain, {2}).digest;
  REQUIRE(store.find(digest)->encoding == Encoding::planes2);
  const auto file = only_file_of(dir.path(), digest);
  const Bytes good = read_bytes(file);
  Bytes out(plain.size());
  std::size_t refused = 0;
  for (std::size_t at = 0; at < good.size(); ++at) {
    CAPTURE(at);
    Bytes bad = good;
    bad[at] ^= std::byte{0x10};
    write_bytes(file, bad);
    try {
      store.get_into(digest, out);
      REQUIRE(out == plain);  // a bit that zstd's decoder doesn't look at
    } catch (const Error& error) {
      REQUIRE(error.code() == Errc::damaged);
      ++refused;
    }
  }
  CHECK(refused > good.size() * 9 / 10);
  write_bytes(file, std::span(good).first(good.size() / 2));
  CHECK(store.put(plain, {2}).added);
  CHECK(store.get(digest) == plain);
}

}  // namespace
}  // namespace pfcache::test
