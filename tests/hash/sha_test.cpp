#include <doctest/doctest.h>

#include <string>

#include "base/bytes.hpp"
#include "base/hex.hpp"
#include "hash/sha1.hpp"
#include "pfcache/sha256.hpp"

namespace pfcache::test {
namespace {

struct Vector {
  std::string message;
  std::string hex;
};

// FIPS 180-4's examples and the empty message.
const Vector kSha256Vectors[] = {
    {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
     "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    {std::string(1'000'000, 'a'), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"},
};

TEST_CASE("SHA-256 of a whole message is the standard's") {
  for (const auto& [message, hex] : kSha256Vectors) CHECK(sha256(as_bytes(message)).hex() == hex);
}

TEST_CASE("SHA-256 of a message in pieces is that of the whole, wherever it is cut") {
  for (const auto& [message, hex] : kSha256Vectors) {
    for (const std::size_t piece : {1U, 3U, 55U, 64U, 65U, 1000U}) {
      if (message.size() / piece > 100'000) continue;
      Sha256 hash;
      for (std::size_t at = 0; at < message.size(); at += piece) {
        hash.update(as_bytes(std::string_view(message).substr(at, piece)));
        hash.update({});
      }
      CHECK(hash.finish().hex() == hex);
    }
  }
}

TEST_CASE("a SHA-256 that is moved goes on where it was") {
  Sha256 first;
  first.update(as_bytes("ab"));
  Sha256 second(std::move(first));
  second.update(as_bytes("c"));
  CHECK(second.finish() == sha256(as_bytes("abc")));
}

TEST_CASE("SHA-1 is the standard's") {
  CHECK(to_hex(sha1(as_bytes(""))) == "da39a3ee5e6b4b0d3255bfef95601890afd80709");
  CHECK(to_hex(sha1(as_bytes("abc"))) == "a9993e364706816aba3e25717850c26c9cd0d89d");
  CHECK(to_hex(sha1(as_bytes("hello world"))) == "2aae6c35c94fcfb415dbe95f408b9ce91ee846ed");
}

}  // namespace
}  // namespace pfcache::test
