#include "cli/progress.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <sstream>
#include <string>

using pfcache::cli::Progress;
using namespace std::chrono_literals;

namespace {

struct Terminal {
  std::ostringstream out;
  std::chrono::steady_clock::time_point now;

  [[nodiscard]] Progress::Clock clock() {
    return [this] { return now; };
  }
  [[nodiscard]] std::string text() const { return out.str(); }
};

constexpr std::uint64_t kMiB = 1U << 20U;

}  // namespace

TEST_CASE("progress tells the share, the rate and the time that is left") {
  Terminal terminal;
  Progress progress(terminal.out, "fetch", 100 * kMiB, {true, false}, terminal.clock());
  terminal.now += 2s;
  progress.add(25 * kMiB);
  const std::string line = terminal.text();
  for (const char* part :
       {"fetch [######------------------]", " 25 %", "25.0 MiB of 100.0 MiB", "12.5 MiB/s", "6 s left"}) {
    CHECK(line.find(part) != std::string::npos);
  }
  CHECK(line.find("\x1b[32m") == std::string::npos);
}

TEST_CASE("it is drawn ten times a second at most, and its line goes with it") {
  Terminal terminal;
  {
    Progress progress(terminal.out, "fetch", 1000, {true, false}, terminal.clock());
    for (int i = 0; i < 1000; ++i) {
      terminal.now += 1ms;
      progress.add(1);
    }
  }
  const std::string text = terminal.text();
  CHECK(std::count(text.begin(), text.end(), '\r') == 10 + 1);
  CHECK(text.ends_with("\r\x1b[K"));
}

TEST_CASE("nothing is written where nobody wants it, nor about what is done at once") {
  for (const bool is_shown : {false, true}) {
    Terminal terminal;
    {
      Progress progress(terminal.out, "fetch", 10, {is_shown, true}, terminal.clock());
      if (!is_shown) terminal.now += 10s;
      progress.add(10);
    }
    CHECK(terminal.text().empty());
  }
}

TEST_CASE("color comes if it is wanted; more than all, and all of nothing, make sense") {
  Terminal terminal;
  Progress much(terminal.out, "a", 10, {true, true}, terminal.clock());
  Progress nothing(terminal.out, "b", 0, {true, true}, terminal.clock());
  terminal.now += 1s;
  much.add(20);
  nothing.add(0);
  CHECK(terminal.text().find("\x1b[32m") != std::string::npos);
  CHECK(terminal.text().find("100 %  10 B of 10 B") != std::string::npos);
  CHECK(terminal.text().find("100 %  0 B of 0 B") != std::string::npos);
}
