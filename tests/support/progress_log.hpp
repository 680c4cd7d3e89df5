// What an operation told of its progress.
#pragma once

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "pfcache/progress.hpp"

namespace pfcache::test {

/// Checks each event against the one before: counts grow, up to the total, and a phase keeps its unit. What it is told
/// at once by two threads, a thread sanitizer sees.
class ProgressLog {
 public:
  [[nodiscard]] OnProgress listener() {
    return [this](const ProgressEvent& event) { note(event); };
  }

  /// The phases in their order, each as `phase noun done/total`, as its last event has it.
  [[nodiscard]] std::vector<std::string> phases() const {
    std::vector<std::string> texts;
    for (const ProgressEvent& last : last_) {
      const std::string total = last.total ? std::to_string(*last.total) : "?";
      texts.push_back(std::string(last.phase) + " " + std::string(last.noun) + " " + std::to_string(last.done) + "/" +
                      total);
    }
    return texts;
  }

  [[nodiscard]] std::size_t events() const noexcept { return events_; }

 private:
  void note(const ProgressEvent& event) {
    ++events_;
    if (event.total) REQUIRE(event.done <= *event.total);
    const bool begins = last_.empty() || last_.back().phase != event.phase || event.done == 0;
    if (begins) {
      REQUIRE(event.done == 0);
      last_.push_back(event);
      return;
    }
    REQUIRE(event.noun == last_.back().noun);
    REQUIRE(event.total == last_.back().total);
    REQUIRE(event.done >= last_.back().done);
    last_.back() = event;
  }

  std::vector<ProgressEvent> last_;
  std::size_t events_ = 0;
};

}  // namespace pfcache::test
