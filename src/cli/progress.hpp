// How far a command is, on one line of the terminal.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <iosfwd>
#include <mutex>
#include <string>

namespace pfcache::cli {

/// Bytes done of a total that is known: a bar, the rate, and how long it will take. Drawn when bytes are added, ten
/// times a second at most; the line is gone with the object. Thread-safe.
class Progress {
 public:
  struct Style {
    bool is_shown = false;
    bool has_color = false;
  };
  using Clock = std::function<std::chrono::steady_clock::time_point()>;

  /// REQUIRES: `out` outlives this object, and nobody else writes to it meanwhile.
  Progress(std::ostream& out, std::string what, std::uint64_t total_bytes, const Style& style,
           Clock clock = std::chrono::steady_clock::now);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void add(std::uint64_t bytes);

 private:
  void draw(std::chrono::steady_clock::time_point now);
  [[nodiscard]] std::string line(double seconds) const;

  std::ostream& out_;
  const std::string what_;
  const std::uint64_t total_bytes_;
  const Style style_;
  const Clock clock_;
  const std::chrono::steady_clock::time_point start_;
  std::mutex mutex_;
  std::uint64_t done_bytes_ = 0;  // guarded by mutex_, as all below
  std::chrono::steady_clock::time_point next_draw_;
  bool is_drawn_ = false;
};

}  // namespace pfcache::cli
