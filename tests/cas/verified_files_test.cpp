#include "cas/verified_files.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <chrono>
#include <filesystem>
#include <thread>

#include "cas/tree.hpp"
#include "pfcache/fs_blob_store.hpp"
#include "pfcache/sha256.hpp"
#include "support/failure.hpp"
#include "support/temp_dir.hpp"

namespace pfcache::test {
namespace {

constexpr std::int64_t kLater = 5 * VerifiedFiles::kTickNs;

TEST_CASE("a verified file is believed until its stamp changes, it is forgotten, or the time is over") {
  VerifiedFiles files;
  const Digest digest = sha256(bytes_of("x"));
  const FileStamp stamp{1, 2, 3, 4, 5};
  CHECK_FALSE(files.contains(digest, stamp, kLater));
  files.add(digest, stamp, kLater);
  CHECK(files.contains(digest, stamp, kLater));
  CHECK(files.contains(digest, stamp, kLater + VerifiedFiles::kTrustNs));
  CHECK_FALSE(files.contains(digest, stamp, kLater + VerifiedFiles::kTrustNs + 1));
  CHECK_FALSE(files.contains(digest, stamp, kLater - 1));  // the clock was set back
  for (const FileStamp other : {FileStamp{9, 2, 3, 4, 5}, FileStamp{1, 9, 3, 4, 5}, FileStamp{1, 2, 9, 4, 5},
                                FileStamp{1, 2, 3, 9, 5}, FileStamp{1, 2, 3, 4, 9}}) {
    CHECK_FALSE(files.contains(digest, other, kLater));
  }
  files.forget(digest);
  CHECK_FALSE(files.contains(digest, stamp, kLater));
}

TEST_CASE("a file that has just changed is not believed: it may change again within the same tick") {
  VerifiedFiles files;
  const Digest digest = sha256(bytes_of("x"));
  const FileStamp stamp{1, 2, 3, 4, kLater};
  files.add(digest, stamp, kLater + VerifiedFiles::kTickNs - 1);
  CHECK_FALSE(files.contains(digest, stamp, kLater + VerifiedFiles::kTickNs));
  files.add(digest, stamp, kLater + VerifiedFiles::kTickNs);
  CHECK(files.contains(digest, stamp, kLater + VerifiedFiles::kTickNs));
}

// Overwrites a byte and puts the file's mtime back to what it was.
void damage_secretly(const std::filesystem::path& path) {
  struct stat before {};
  REQUIRE(::stat(path.c_str(), &before) == 0);
  Bytes bytes = read_bytes(path);
  bytes[bytes.size() / 2] ^= std::byte{1};
  write_bytes(path, bytes);
  const timespec times[2] = {before.st_atim, before.st_mtim};
  REQUIRE(::utimensat(AT_FDCWD, path.c_str(), times, 0) == 0);
}

TEST_CASE("a put repairs a file that was damaged after the same store had compared it") {
  const TempDir dir;
  FsBlobStore store(dir.path());
  const Bytes blob = compressible_bytes(5000, 1);
  const Digest digest = store.put(blob).digest;
  std::this_thread::sleep_for(std::chrono::nanoseconds(VerifiedFiles::kTickNs + 100'000'000));
  CHECK_FALSE(store.put(blob).added);  // compared, and believed from now on
  CHECK_FALSE(store.put(blob).added);
  damage_secretly(only_file_of(dir.path(), digest));
  CHECK(store.put(blob).added);
  CHECK(store.get(digest) == blob);
}

}  // namespace
}  // namespace pfcache::test
