#include "pfcache/error.hpp"

#include <doctest/doctest.h>

#include <cerrno>
#include <ios>
#include <ostream>
#include <set>

namespace pfcache::test {
namespace {

struct Row {
  Errc code;
  int errnum;
  int exit_status;
};

// What a filesystem answers and how a tool ends: a contract with programs outside.
constexpr Row kRows[] = {
    {Errc::invalid_argument, EINVAL, 2},
    {Errc::not_found, ENOENT, 10},
    {Errc::already_exists, EEXIST, 1},
    {Errc::busy, EBUSY, 11},
    {Errc::damaged, EIO, 13},
    {Errc::malformed, EBADMSG, 1},
    {Errc::mismatch, EINVAL, 1},
    {Errc::too_large, EFBIG, 1},
    {Errc::unsupported, EOPNOTSUPP, 1},
    {Errc::interrupted, EINTR, 1},
};

TEST_CASE("each of our codes has its errno, its exit status and words of its own") {
  std::set<std::string> words;
  for (const auto& [code, errnum, exit_status] : kRows) {
    CHECK(errno_of(code) == errnum);
    CHECK(exit_status_of(code) == exit_status);
    CHECK(words.insert(make_error_code(code).message()).second);
  }
  CHECK_FALSE(words.contains("unknown error"));
}

TEST_CASE("errors of the system keep their errno and end a tool with 1") {
  for (const int errnum : {ENOSPC, EROFS, EACCES, ENOENT}) {
    CHECK(errno_of({errnum, std::generic_category()}) == errnum);
    CHECK(errno_of({errnum, std::system_category()}) == errnum);
    CHECK(exit_status_of({errnum, std::generic_category()}) == 1);
  }
}

TEST_CASE("what can't be told is EIO, never 0, and no error is exit status 0") {
  CHECK(errno_of({9999, error_category()}) == EIO);
  CHECK(errno_of({0, std::generic_category()}) == EIO);
  CHECK(errno_of({1, std::iostream_category()}) == EIO);
  CHECK(exit_status_of({9999, error_category()}) == 1);
  CHECK(exit_status_of({}) == 0);
  CHECK(error_category().message(9999) == "unknown error");
}

TEST_CASE("an Error carries its code and its words, and is a std::system_error") {
  try {
    throw Error(Errc::busy, "the store is locked");
  } catch (const std::system_error& error) {
    CHECK(error.code() == Errc::busy);
    CHECK(std::string(error.what()).find("the store is locked") != std::string::npos);
    CHECK(std::string(error.what()).find("busy") != std::string::npos);
  }
}

TEST_CASE("an Error of a system call is comparable with std::errc") {
  CHECK(Error::from_errno(ENOSPC, "x").code() == std::errc::no_space_on_device);
  errno = EROFS;
  CHECK(Error::from_last_errno("x").code() == std::errc::read_only_file_system);
}

}  // namespace
}  // namespace pfcache::test
