#include "cli/input.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <string_view>
#include <thread>

#include "pfcache/error.hpp"
#include "pfcache/unique_fd.hpp"
#include "support/failure.hpp"

namespace pfcache::test {
namespace {

using cli::read_to_end;

struct Pipe {
  UniqueFd reading;
  UniqueFd writing;

  Pipe() {
    std::array<int, 2> ends{};
    REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
    reading = UniqueFd(ends[0]);
    writing = UniqueFd(ends[1]);
  }

  void write(std::string_view text) const {
    REQUIRE(::write(writing.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  }
};

TEST_CASE("input is read to its end, however it comes") {
  Pipe pipe;
  std::jthread writer([&] {
    for (int i = 0; i < 5; ++i) {
      pipe.write("0123456789");
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    pipe.writing.reset();
  });
  CHECK(read_to_end(pipe.reading.get(), 50, {}).size() == 50);
}

TEST_CASE("empty input is no bytes") {
  Pipe pipe;
  pipe.writing.reset();
  CHECK(read_to_end(pipe.reading.get(), 0, {}).empty());
}

TEST_CASE("more than the limit is refused") {
  Pipe pipe;
  pipe.write("0123456789");
  pipe.writing.reset();
  CHECK(failure_of([&] { std::ignore = read_to_end(pipe.reading.get(), 9, {}); }).code == Errc::too_large);
}

TEST_CASE("waiting for input ends when a stop is requested") {
  Pipe pipe;
  std::stop_source stop;
  std::jthread stopper([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    stop.request_stop();
  });
  CHECK(failure_of([&] { std::ignore = read_to_end(pipe.reading.get(), 9, stop.get_token()); }).code ==
        Errc::interrupted);
}

TEST_CASE("what can't be read is an error, not an empty input") {
  const UniqueFd directory(::open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  CHECK(failure_of([&] { std::ignore = read_to_end(directory.get(), 9, {}); }).code == std::errc::is_a_directory);
}

}  // namespace
}  // namespace pfcache::test
