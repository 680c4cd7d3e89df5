#include "cli/fd_stream.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "cli/runner.hpp"
#include "pfcache/unique_fd.hpp"

using pfcache::UniqueFd;
using pfcache::cli::FdStreambuf;
using pfcache::test::read_file;

TEST_CASE("everything written arrives, in order, across the buffer's edge") {
  const pfcache::test::TempDir dir;
  const auto path = dir.path() / "out";
  const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT, 0600));
  std::string expected;
  {
    FdStreambuf buffer(fd.get());
    std::ostream out(&buffer);
    for (int i = 0; i < 40000; ++i) {
      out << i << '\n';
      expected += std::to_string(i) + "\n";
    }
    out.flush();
    CHECK(out.good());
    CHECK(buffer.error() == 0);
  }
  CHECK(read_file(path) == expected);
}

TEST_CASE("the errno of a failed write is kept") {
  const UniqueFd full(::open("/dev/full", O_WRONLY));
  FdStreambuf buffer(full.get());
  std::ostream out(&buffer);
  out << "x" << std::flush;
  CHECK_FALSE(out.good());
  CHECK(buffer.error() == ENOSPC);
}
