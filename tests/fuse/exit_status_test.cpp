#include "fuse/exit_status.hpp"

#include <doctest/doctest.h>

#include <cerrno>
#include <new>
#include <stdexcept>

#include "pfcache/error.hpp"

using pfcache::Errc;
using pfcache::Error;
using pfcache::fuse::exit_status_for;

TEST_CASE("failures have the exit statuses of mount(8)") {
  CHECK(exit_status_for(Error(Errc::invalid_argument, "")) == 1);
  CHECK(exit_status_for(std::bad_alloc()) == 2);
  for (const int errnum : {ENOMEM, EAGAIN, EMFILE, ENFILE}) CHECK(exit_status_for(Error::from_errno(errnum, "")) == 2);
  CHECK(exit_status_for(Error(Errc::interrupted, "")) == 8);
  for (const Errc code : {Errc::not_found, Errc::busy, Errc::damaged, Errc::unsupported}) {
    CHECK(exit_status_for(Error(code, "")) == 32);
  }
  for (const int errnum : {EACCES, EPERM}) CHECK(exit_status_for(Error::from_errno(errnum, "")) == 1);
  CHECK(exit_status_for(Error::from_errno(EIO, "")) == 32);
  CHECK(exit_status_for(std::runtime_error("")) == 32);
}
