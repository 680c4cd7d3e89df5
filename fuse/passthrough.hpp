// FUSE passthrough: the kernel reads and maps a file of ours in place of one of the mount, without asking us.
//
// All that is known of how libfuse and the kernel agree on it is here. libfuse has an interface for it from 3.17 on;
// with an older one this class sits between it and the kernel and completes what it says.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>

#include "fuse/fuse_api.hpp"
#include "fuse/log.hpp"
#include "fuse/mount_options.hpp"
#include "pfcache/unique_fd.hpp"

struct iovec;

namespace pfcache::fuse {

struct PassthroughSetup {
  PassthroughUse use = PassthroughUse::automatic;
  std::string obstacle;      ///< why it can't be used whatever the kernel says; empty: nothing is known
  std::string backing_name;  ///< what the log says is passed through
  unsigned stack_depth = 1;  ///< how many filesystems may be stacked below the mount
  UniqueFd sample;           ///< a file like those that will be passed through
};

/// Thread-safe once attached. Whether it is on is decided once, while the kernel and the daemon greet each other.
class Passthrough {
 public:
  Passthrough(PassthroughSetup setup, Log& log);

  /// Before anything is mounted. Throws: Errc::unsupported when passthrough is required and it is known already that it
  /// can't be.
  void require_possible() const;

  /// To be called between mounting and serving. `on_decided` is called once before the first request but INIT comes.
  void attach(fuse_session* session, std::function<void()> on_decided);

  /// From the callback `init`.
  void init(fuse_conn_info* connection) noexcept;

  /// Throws: Errc::unsupported when passthrough is required and turned out not to work, which has ended the session.
  void require_if_asked() const;

  [[nodiscard]] bool is_on() const noexcept { return is_on_; }
  [[nodiscard]] bool is_required() const noexcept { return setup_.use == PassthroughUse::required; }

  /// A number by which the kernel knows the file, above 0; 0, with a line in the log the first time, when it refuses.
  [[nodiscard]] int open_backing(int fd) noexcept;
  void close_backing(int backing_id) noexcept;

  /// Answers OPEN: from now on the kernel reads `backing_id`'s file. What libfuse says when it can't be sent.
  [[nodiscard]] int reply_open(fuse_req_t req, fuse_file_info& file, int backing_id) noexcept;

  /// As reply_open(), for CREATE.
  [[nodiscard]] int reply_create(fuse_req_t req, const fuse_entry_param& entry, fuse_file_info& file,
                                 int backing_id) noexcept;

  /// What libfuse reads and writes through, when it is an old one. Not noexcept: libfuse ends its threads by cancelling
  /// them while they read, and glibc unwinds the stack for that.
  ssize_t read_request(int device, void* buffer, std::size_t size_bytes);
  ssize_t write_reply(int device, const iovec* parts, int count) noexcept;

 private:
  enum class Stage : std::uint8_t { before_init, init_offers, init_offers_nothing, decided };

  void note_request(const void* buffer, std::size_t size_bytes) noexcept;
  ssize_t write_init_reply(int device, const iovec* parts, int count) noexcept;
  void try_sample() noexcept;
  void decide(bool is_on, const std::string& why) noexcept;

  PassthroughSetup setup_;
  Log& log_;
  fuse_session* session_ = nullptr;
  std::function<void()> on_decided_;
  std::string why_off_;
  std::atomic<Stage> stage_ = Stage::before_init;
  std::uint64_t init_unique_ = 0;
  std::atomic<bool> is_on_ = false;
  std::atomic<bool> has_told_of_refusal_ = false;
};

}  // namespace pfcache::fuse
