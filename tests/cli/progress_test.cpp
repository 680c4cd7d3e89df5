#include "cli/progress.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <sstream>

using namespace pfcache;
using namespace pfcache::cli;

namespace {

/// Keeps what is written, and counts the writes so that one can wait for them.
class CountingBuffer : public std::stringbuf {
 public:
  std::atomic<int> writes = 0;

 protected:
  int sync() override {
    ++writes;
    return std::stringbuf::sync();
  }
};

/// Its text is to be read once nobody writes any more.
struct Terminal {
  CountingBuffer buffer;
  std::ostream out{&buffer};
  StatusLine line{out, [] { return std::optional<std::size_t>(100); }};

  void wait_for_writes(int count) const {
    while (buffer.writes < count) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
};

constexpr const char* kErase = "\r\x1b[K";

}  // namespace

TEST_CASE_FIXTURE(Terminal, "what was told last is shown, again and again, and gone in the end") {
  {
    Progress progress(line, ProgressStyle::line, "verify", {});
    const OnProgress listener = progress.listener();
    listener({.phase = "read", .done = 1024, .total = 4096});
    wait_for_writes(1);
    listener({.phase = "sync"});
    wait_for_writes(3);
  }
  const std::string text = buffer.str();
  const std::size_t first = text.find("verify: read [######------------------]  25 %  1.0 KiB of 4.0 KiB");
  CHECK(first != std::string::npos);
  CHECK(text.find(std::string(kErase) + "verify: sync", first) != std::string::npos);
  CHECK(text.ends_with(kErase));
}

TEST_CASE_FIXTURE(Terminal, "with color the bar has it") {
  {
    Progress progress(line, ProgressStyle::colored_line, "verify", {});
    progress.listener()({.phase = "read", .done = 1, .total = 2});
    wait_for_writes(1);
  }
  CHECK(buffer.str().find("\x1b[32m####") != std::string::npos);
}

TEST_CASE_FIXTURE(Terminal, "nothing is shown of what is done at once, and where nobody wants it nobody listens") {
  {
    Progress quick(line, ProgressStyle::line, "verify", {});
    quick.listener()({.phase = "read"});
  }
  {
    Progress none(line, ProgressStyle::none, "verify", {});
    CHECK_FALSE(none.listener());
  }
  CHECK(buffer.str().empty());
}

TEST_CASE_FIXTURE(Terminal, "records are lines without anything around them") {
  {
    Progress progress(line, ProgressStyle::records, "gc", {});
    progress.listener()({"mark", "snapshot", 1, 2});
    wait_for_writes(1);
  }
  const std::string text = buffer.str();
  CHECK(text.starts_with(R"({"progress":{"command":"gc","phase":"mark","unit":"snapshot","done":1,"total":2,)"));
  CHECK(text.ends_with("}}\n"));
}

TEST_CASE_FIXTURE(Terminal, "a request to stop takes the line away, and no other comes") {
  std::stop_source source;
  {
    Progress progress(line, ProgressStyle::line, "verify", source.get_token());
    progress.listener()({.phase = "read"});
    wait_for_writes(1);
    source.request_stop();
    int before = 0;
    do {
      before = buffer.writes;
      std::this_thread::sleep_for(std::chrono::milliseconds(300));
    } while (buffer.writes != before);
    line.say("a word");
  }
  CHECK(buffer.str().ends_with(std::string(kErase) + "a word\n"));
}
