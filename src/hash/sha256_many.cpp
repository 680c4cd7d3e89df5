#include "hash/sha256_many.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "hash/sha256_one.hpp"

namespace pfcache {
namespace {

// What is left of one message: whole blocks where the caller has them, then its tail.
class Message {
 public:
  Message() = default;
  Message(std::span<const std::byte> bytes, Digest& digest) noexcept
      : digest_(&digest), next_(bytes.data()), blocks_left_(bytes.size() / kSha256BlockBytes) {
    const std::size_t rest = bytes.size() % kSha256BlockBytes;
    tail_ = Sha256Tail(bytes.data() + (bytes.size() - rest), rest, bytes.size());
  }

  [[nodiscard]] bool is_active() const noexcept { return digest_ != nullptr; }
  [[nodiscard]] bool is_done() const noexcept { return blocks_left_ == 0 && tail_done_ == tail_.count(); }
  [[nodiscard]] const std::byte* next() const noexcept {
    return blocks_left_ > 0 ? next_ : tail_.blocks() + tail_done_ * kSha256BlockBytes;
  }
  [[nodiscard]] std::size_t blocks_in_a_row() const noexcept {
    return blocks_left_ > 0 ? blocks_left_ : tail_.count() - tail_done_;
  }

  void advance(std::size_t blocks) noexcept {
    if (blocks_left_ > 0) {
      next_ += blocks * kSha256BlockBytes;
      blocks_left_ -= blocks;
    } else {
      tail_done_ += blocks;
    }
  }

  void finish(const Sha256State& state) noexcept { *std::exchange(digest_, nullptr) = digest_of(state); }

 private:
  Digest* digest_ = nullptr;  // null: an idle lane
  const std::byte* next_ = nullptr;
  std::size_t blocks_left_ = 0;
  Sha256Tail tail_;
  std::size_t tail_done_ = 0;  // blocks of it
};

class Lanes {
 public:
  Lanes(const Sha256Kernel& kernel, std::span<const std::span<const std::byte>> messages,
        std::span<Digest> digests) noexcept
      : kernel_(kernel), messages_(messages), digests_(digests) {}

  void run(const Sha256Kernel* one) noexcept {
    for (std::size_t lane = 0; lane < kernel_.lanes; ++lane) take_next(lane);
    // While messages wait every lane is busy. Then lanes fall idle, and what is cheapest for the last few differs.
    const std::size_t few = one != nullptr ? kernel_.lanes / 2 : 1;
    while (active_ > few || (active_ > 0 && given_ < messages_.size())) step();
    for (std::size_t lane = 0; lane < kernel_.lanes; ++lane) {
      if (lanes_[lane].is_active()) finish_alone(lane, one);
    }
  }

 private:
  // A lane that ends takes the next message.
  void take_next(std::size_t lane) noexcept {
    if (given_ == messages_.size()) return;
    lanes_[lane] = Message(messages_[given_], digests_[given_]);
    ++given_;
    ++active_;
    for (std::size_t word = 0; word < 8; ++word) states_[word * kernel_.lanes + lane] = kSha256InitialState[word];
  }

  // As many blocks in all lanes as the shortest run has.
  void step() noexcept {
    std::size_t blocks = SIZE_MAX;
    const std::byte* any = nullptr;
    for (std::size_t lane = 0; lane < kernel_.lanes; ++lane) {
      if (!lanes_[lane].is_active()) continue;
      blocks = std::min(blocks, lanes_[lane].blocks_in_a_row());
      any = lanes_[lane].next();
    }
    std::array<const std::byte*, kMaxSha256Lanes> from{};
    for (std::size_t lane = 0; lane < kernel_.lanes; ++lane) {
      from[lane] = lanes_[lane].is_active() ? lanes_[lane].next() : any;  // an idle lane hashes along, for nothing
    }
    kernel_.compress(states_.data(), from.data(), blocks);
    for (std::size_t lane = 0; lane < kernel_.lanes; ++lane) {
      if (!lanes_[lane].is_active()) continue;
      lanes_[lane].advance(blocks);
      if (!lanes_[lane].is_done()) continue;
      lanes_[lane].finish(state_of(lane));
      --active_;
      take_next(lane);
    }
  }

  [[nodiscard]] Sha256State state_of(std::size_t lane) const noexcept {
    Sha256State state{};
    for (std::size_t word = 0; word < 8; ++word) state[word] = states_[word * kernel_.lanes + lane];
    return state;
  }

  void finish_alone(std::size_t lane, const Sha256Kernel* one) noexcept {
    Message& message = lanes_[lane];
    Sha256State state = state_of(lane);
    while (!message.is_done()) {
      const std::size_t blocks = message.blocks_in_a_row();
      compress_one(one, state, message.next(), blocks);
      message.advance(blocks);
    }
    message.finish(state);
  }

  const Sha256Kernel& kernel_;
  std::span<const std::span<const std::byte>> messages_;
  std::span<Digest> digests_;
  std::size_t given_ = 0;   // messages that got a lane so far
  std::size_t active_ = 0;  // lanes with a message
  std::array<Message, kMaxSha256Lanes> lanes_;
  alignas(64) std::array<std::uint32_t, 8 * kMaxSha256Lanes> states_{};
};

}  // namespace

const std::vector<const Sha256Kernel*>& usable_sha256_kernels() {
  static const std::vector<const Sha256Kernel*> usable = [] {
    std::vector<const Sha256Kernel*> kernels{
#ifdef __x86_64__
        &kSha256Avx512,
        &kSha256Avx2,
#endif
        &kSha256Vector128,
#ifdef __x86_64__
        &kSha256ShaNi,
#endif
    };
    std::erase_if(kernels, [](const Sha256Kernel* kernel) { return !kernel->is_supported(); });
    return kernels;
  }();
  return usable;
}

void sha256_many_with(const Sha256Kernel& many, const Sha256Kernel* one,
                      std::span<const std::span<const std::byte>> messages, std::span<Digest> digests) noexcept {
  Lanes(many, messages, digests).run(one);
}

}  // namespace pfcache
