// The last line of a terminal, drawn over and over, and lines of words that scroll by above it.
#pragma once

#include <cstddef>
#include <functional>
#include <iosfwd>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

namespace pfcache::cli {

/// A text for one line, and how many columns of it one sees.
struct LineText {
  std::string text;
  std::size_t columns = 0;
};

/// Each change is one write, so that others who write to the terminal don't tear it. Thread-safe.
class StatusLine {
 public:
  /// How wide the terminal is now; nothing while there is none, or while it is another job's.
  using Columns = std::function<std::optional<std::size_t>()>;

  /// REQUIRES: `out` outlives this object, and what others write to it meanwhile goes through say().
  StatusLine(std::ostream& out, Columns columns) : out_(out), columns_(std::move(columns)) {}

  /// Draws what `make` makes of the terminal's width in place of what was there.
  void draw(const std::function<LineText(std::size_t columns)>& make);

  /// Takes the line away.
  void erase();

  /// Writes a whole line above. `line` is without its end.
  void say(std::string_view line);

 private:
  [[nodiscard]] std::string to_erase(std::size_t columns) const;

  std::ostream& out_;
  const Columns columns_;
  std::mutex mutex_;
  LineText drawn_;  // empty when there is none; guarded by mutex_
};

}  // namespace pfcache::cli
