#include "pfcache/sha256.hpp"

#include <algorithm>
#include <cstring>

#include "hash/sha256_many.hpp"
#include "hash/sha256_one.hpp"

namespace pfcache {
namespace {

const Sha256Kernel& many_messages_kernel() noexcept {
  const Sha256Kernel* widest = usable_sha256_kernels().front();
  const Sha256Kernel* one = one_message_kernel();
  // Eight lanes of AVX2 do together what the SHA extensions do for one message, and need eight to be there.
  const bool is_one_faster = one != nullptr && widest->lanes <= 8;
  return is_one_faster ? *one : *widest;
}

}  // namespace

struct Sha256::State {
  const Sha256Kernel* kernel = one_message_kernel();
  Sha256State words = kSha256InitialState;
  std::uint64_t message_bytes = 0;
  std::array<std::byte, kSha256BlockBytes> rest;  // the last message_bytes % kSha256BlockBytes of them

  [[nodiscard]] std::size_t rest_bytes() const noexcept { return message_bytes % kSha256BlockBytes; }

  // Adds bytes to the rest until it is a block; returns how many.
  std::size_t fill_rest(std::span<const std::byte> bytes) noexcept {
    const std::size_t count = std::min(bytes.size(), kSha256BlockBytes - rest_bytes());
    if (count > 0) std::memcpy(rest.data() + rest_bytes(), bytes.data(), count);
    message_bytes += count;
    return count;
  }
};

Sha256::Sha256() : state_(std::make_unique<State>()) {}
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

void Sha256::update(std::span<const std::byte> bytes) noexcept {
  State& state = *state_;
  if (state.rest_bytes() > 0) {
    bytes = bytes.subspan(state.fill_rest(bytes));
    if (state.rest_bytes() > 0) return;
    compress_one(state.kernel, state.words, state.rest.data(), 1);
  }
  const std::size_t blocks = bytes.size() / kSha256BlockBytes;
  if (blocks > 0) compress_one(state.kernel, state.words, bytes.data(), blocks);
  state.message_bytes += blocks * kSha256BlockBytes;
  state.fill_rest(bytes.subspan(blocks * kSha256BlockBytes));
}

Digest Sha256::finish() noexcept {
  State& state = *state_;
  const Sha256Tail tail(state.rest.data(), state.rest_bytes(), state.message_bytes);
  compress_one(state.kernel, state.words, tail.blocks(), tail.count());
  return digest_of(state.words);
}

Digest sha256(std::span<const std::byte> bytes) noexcept {
  const Sha256Kernel* kernel = one_message_kernel();
  Sha256State words = kSha256InitialState;
  const std::size_t blocks = bytes.size() / kSha256BlockBytes;
  const std::size_t rest = bytes.size() % kSha256BlockBytes;
  if (blocks > 0) compress_one(kernel, words, bytes.data(), blocks);
  const Sha256Tail tail(bytes.data() + (bytes.size() - rest), rest, bytes.size());
  compress_one(kernel, words, tail.blocks(), tail.count());
  return digest_of(words);
}

void sha256_many(std::span<const std::span<const std::byte>> messages, std::span<Digest> digests) noexcept {
  sha256_many_with(many_messages_kernel(), one_message_kernel(), messages, digests);
}

Sha256Kernels sha256_kernels() noexcept {
  const Sha256Kernel* one = one_message_kernel();
  return {many_messages_kernel().name, one == nullptr ? "libsodium" : one->name};
}

}  // namespace pfcache
