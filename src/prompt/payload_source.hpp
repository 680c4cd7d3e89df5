// Where the payload of a save comes from.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <stop_token>
#include <utility>

#include "pfcache/disk_kv_cache.hpp"

namespace pfcache {

class PayloadSource {
 public:
  virtual ~PayloadSource() = default;

  /// The size, where it is known before reading.
  [[nodiscard]] virtual std::optional<std::uint64_t> size_bytes() const = 0;

  /// Fills `out` as far as the payload goes; fewer bytes mean its end. Throws: system errors.
  [[nodiscard]] virtual std::size_t read(std::span<std::byte> out) = 0;
};

class SpanSource final : public PayloadSource {
 public:
  explicit SpanSource(std::span<const std::byte> bytes) noexcept : left_(bytes) {}
  [[nodiscard]] std::optional<std::uint64_t> size_bytes() const override { return left_.size(); }
  [[nodiscard]] std::size_t read(std::span<std::byte> out) override;

 private:
  std::span<const std::byte> left_;
};

/// Borrows the descriptor. Waiting for bytes ends with Errc::interrupted when `stop` is requested.
class FdSource final : public PayloadSource {
 public:
  FdSource(int fd, std::stop_token stop) noexcept : fd_(fd), stop_(std::move(stop)) {}
  [[nodiscard]] std::optional<std::uint64_t> size_bytes() const override;
  [[nodiscard]] std::size_t read(std::span<std::byte> out) override;

 private:
  int fd_;
  std::stop_token stop_;
};

/// The payload of an entry. REQUIRES: the entry outlives it.
class LoadedSource final : public PayloadSource {
 public:
  explicit LoadedSource(const LoadedPrompt& prompt) noexcept : prompt_(prompt) {}
  [[nodiscard]] std::optional<std::uint64_t> size_bytes() const override { return prompt_.info().header.payload_bytes; }
  [[nodiscard]] std::size_t read(std::span<std::byte> out) override;

 private:
  const LoadedPrompt& prompt_;
  std::uint64_t at_ = 0;
};

}  // namespace pfcache
