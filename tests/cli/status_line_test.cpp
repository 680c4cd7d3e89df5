#include "cli/status_line.hpp"

#include <doctest/doctest.h>

#include <sstream>
#include <thread>
#include <vector>

using pfcache::cli::LineText;
using pfcache::cli::StatusLine;

namespace {

struct Terminal {
  std::ostringstream out;
  std::optional<std::size_t> columns = 80;
  StatusLine line{out, [this] { return columns; }};

  void draw(const std::string& text) {
    line.draw([&](std::size_t) { return LineText{text, text.size()}; });
  }

  /// What was written since the last call.
  std::string taken() {
    std::string text = out.str();
    out.str("");
    return text;
  }
};

constexpr const char* kErase = "\r\x1b[K";

}  // namespace

TEST_CASE_FIXTURE(Terminal, "a line is drawn over the one before, and goes without a trace") {
  draw("one");
  CHECK(taken() == std::string(kErase) + "one");
  draw("two");
  CHECK(taken() == std::string(kErase) + "two");
  line.erase();
  CHECK(taken() == kErase);
  line.erase();
  CHECK(taken().empty());
}

TEST_CASE_FIXTURE(Terminal, "words go above the line, which is there again behind them") {
  line.say("nothing is drawn yet");
  CHECK(taken() == "nothing is drawn yet\n");
  draw("bar");
  static_cast<void>(taken());
  line.say("a warning");
  CHECK(taken() == std::string(kErase) + "a warning\nbar");
  line.erase();
  static_cast<void>(taken());
  line.say("a word");
  CHECK(taken() == "a word\n");
}

TEST_CASE_FIXTURE(Terminal, "a line that a narrower terminal has broken is taken away whole") {
  draw(std::string(79, '#'));
  static_cast<void>(taken());
  columns = 30;
  draw("short");
  CHECK(taken() == "\x1b[2A\r\x1b[Jshort");
  draw("short");
  CHECK(taken() == std::string(kErase) + "short");
}

TEST_CASE_FIXTURE(Terminal, "nothing is drawn on a terminal that is another job's, nor taken away there") {
  columns = std::nullopt;
  draw("bar");
  CHECK(taken().empty());
  columns = 80;
  draw("bar");
  static_cast<void>(taken());
  columns = std::nullopt;
  line.say("a word");
  CHECK(taken() == "a word\n");
  line.erase();
  CHECK(taken().empty());
}

TEST_CASE_FIXTURE(Terminal, "words of several threads stay whole between draws") {
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([this] {
      for (int turn = 0; turn < 100; ++turn) line.say("a whole sentence");
    });
  }
  for (int turn = 0; turn < 100; ++turn) draw("bar");
  threads.clear();
  line.erase();
  std::string text = taken();
  for (const std::string& part : {std::string(kErase), std::string("bar")}) {
    for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part)) text.erase(at, part.size());
  }
  std::string expected;
  for (int i = 0; i < 400; ++i) expected += "a whole sentence\n";
  CHECK(text == expected);
}
