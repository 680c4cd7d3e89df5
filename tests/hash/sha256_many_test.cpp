#include "hash/sha256_many.hpp"

#include <doctest/doctest.h>
#include <sodium.h>

#include <array>
#include <random>
#include <vector>

#include "hash/sha256_one.hpp"
#include "pfcache/sha256.hpp"

namespace pfcache {
namespace {

using Bytes = std::vector<std::byte>;

Bytes random_bytes(std::size_t size, std::mt19937_64& random) {
  Bytes bytes(size);
  for (std::byte& b : bytes) b = static_cast<std::byte>(random());
  return bytes;
}

Digest sodium_digest(std::span<const std::byte> bytes) {
  std::array<unsigned char, 32> out{};
  crypto_hash_sha256(out.data(), reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
  return Digest(std::bit_cast<std::array<std::byte, 32>>(out));
}

// Messages of these sizes through a kernel, compared with libsodium one by one.
void check(const Sha256Kernel& many, const Sha256Kernel* one, const std::vector<Bytes>& messages) {
  const std::vector<std::span<const std::byte>> views(messages.begin(), messages.end());
  std::vector<Digest> digests(views.size());
  sha256_many_with(many, one, views, digests);
  for (std::size_t i = 0; i < views.size(); ++i) {
    INFO(many.name, ", message ", i, " of ", views.size(), ", ", views[i].size(), " bytes");
    REQUIRE(digests[i].hex() == sodium_digest(views[i]).hex());
  }
}

// Every kernel of this CPU, finishing with the kernel for one message and with libsodium.
template <typename Check>
void for_each_kernel(Check&& check_kernel) {
  for (const Sha256Kernel* many : usable_sha256_kernels()) {
    check_kernel(*many, static_cast<const Sha256Kernel*>(nullptr));
    if (const Sha256Kernel* one = one_message_kernel()) check_kernel(*many, one);
  }
}

}  // namespace

TEST_CASE("every length from 0 to 300 bytes hashes as libsodium does, in every kernel") {
  std::mt19937_64 random(1);
  std::vector<Bytes> messages;
  for (std::size_t size = 0; size <= 300; ++size) messages.push_back(random_bytes(size, random));
  for_each_kernel([&](const Sha256Kernel& many, const Sha256Kernel* one) { check(many, one, messages); });
}

TEST_CASE("a message hashes the same in every lane, whatever its neighbours") {
  std::mt19937_64 random(2);
  for_each_kernel([&](const Sha256Kernel& many, const Sha256Kernel* one) {
    for (std::size_t lane = 0; lane < many.lanes; ++lane) {
      std::vector<Bytes> messages;
      for (std::size_t i = 0; i < many.lanes; ++i)
        messages.push_back(random_bytes(i == lane ? 1000 : random() % 200, random));
      check(many, one, messages);
    }
  });
}

TEST_CASE("fewer messages than lanes, more than lanes, and none") {
  std::mt19937_64 random(3);
  for_each_kernel([&](const Sha256Kernel& many, const Sha256Kernel* one) {
    for (std::size_t count = 0; count <= 2 * many.lanes + 1; ++count) {
      std::vector<Bytes> messages;
      for (std::size_t i = 0; i < count; ++i) messages.push_back(random_bytes(64 + random() % 64, random));
      check(many, one, messages);
    }
  });
}

TEST_CASE("messages of very different lengths, up to 10 MB") {
  std::mt19937_64 random(4);
  std::vector<Bytes> messages;
  for (int i = 0; i < 40; ++i) messages.push_back(random_bytes(random() % (i % 10 == 0 ? 10'000'000 : 5'000), random));
  for_each_kernel([&](const Sha256Kernel& many, const Sha256Kernel* one) { check(many, one, messages); });
}

TEST_CASE("sha256_many agrees with sha256") {
  std::mt19937_64 random(5);
  std::vector<Bytes> messages;
  for (int i = 0; i < 100; ++i) messages.push_back(random_bytes(random() % 3000, random));
  const std::vector<std::span<const std::byte>> views(messages.begin(), messages.end());
  std::vector<Digest> digests(views.size());
  sha256_many(views, digests);
  for (std::size_t i = 0; i < views.size(); ++i) CHECK(digests[i] == sha256(views[i]));
}

TEST_CASE("one message by libsodium and by the CPU's own instructions is the same") {
  std::mt19937_64 random(6);
  const Bytes blocks = random_bytes(64 * 9, random);
  Sha256State by_sodium = kSha256InitialState;
  compress_one(nullptr, by_sodium, blocks.data(), 9);
  if (const Sha256Kernel* one = one_message_kernel()) {
    Sha256State by_kernel = kSha256InitialState;
    compress_one(one, by_kernel, blocks.data(), 9);
    CHECK(by_kernel == by_sodium);
  }
  CHECK(by_sodium != kSha256InitialState);
}

TEST_CASE("a stream cut anywhere hashes as the whole, and as libsodium") {
  std::mt19937_64 random(7);
  const Bytes bytes = random_bytes(1000, random);
  for (int round = 0; round < 300; ++round) {
    Sha256 stream;
    std::span<const std::byte> rest(bytes);
    while (!rest.empty()) {
      const std::size_t count = std::min<std::size_t>(rest.size(), random() % 200);
      stream.update(rest.first(count));
      rest = rest.subspan(count);
    }
    REQUIRE(stream.finish() == sodium_digest(bytes));
  }
}

}  // namespace pfcache
