#include "cli/status_line.hpp"

#include <fmt/format.h>

#include <ostream>
#include <utility>

namespace pfcache::cli {

void StatusLine::draw(const std::function<LineText(std::size_t columns)>& make) {
  const std::scoped_lock lock(mutex_);
  const auto columns = columns_();
  if (!columns) return;
  LineText line = make(*columns);
  out_ << to_erase(*columns) + line.text << std::flush;
  drawn_ = std::move(line);
}

void StatusLine::erase() {
  const std::scoped_lock lock(mutex_);
  if (drawn_.text.empty()) return;
  // On a terminal that is another job's by now, the line is that one's.
  if (const auto columns = columns_()) out_ << to_erase(*columns) << std::flush;
  drawn_ = {};
}

void StatusLine::say(std::string_view line) {
  const std::scoped_lock lock(mutex_);
  std::string text;
  const auto columns = drawn_.text.empty() ? std::nullopt : columns_();
  if (columns) text = to_erase(*columns);
  text.append(line);
  text += '\n';
  if (columns) text += drawn_.text;
  out_ << text << std::flush;
}

// A terminal that became narrower has broken the line into several, and the cursor is on the last. (One that cuts lines
// off instead loses a line above; those have become rare.)
std::string StatusLine::to_erase(std::size_t columns) const {
  if (columns == 0 || drawn_.columns <= columns) return "\r\x1b[K";
  return fmt::format("\x1b[{}A\r\x1b[J", (drawn_.columns - 1) / columns);
}

}  // namespace pfcache::cli
