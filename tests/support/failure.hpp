// Which error a call ends with.
#pragma once

#include <doctest/doctest.h>

#include <ostream>
#include <string>

#include "pfcache/error.hpp"

namespace pfcache::test {

struct Failure {
  std::error_code code;
  std::string what;
};

/// What `call` throws: an Error, or the test fails.
template <typename Call>
Failure failure_of(Call&& call) {
  try {
    call();
  } catch (const Error& error) {
    return {error.code(), error.what()};
  }
  FAIL("expected an Error");
  return {};
}

}  // namespace pfcache::test
