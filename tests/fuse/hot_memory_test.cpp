#include <doctest/doctest.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "fuse/file_bytes.hpp"
#include "fuse/hot_backing.hpp"
#include "fuse/private_tmpfs.hpp"

using namespace pfcache;
using namespace pfcache::fuse;

namespace {

const std::vector<std::byte> kBytes(3 * 4096 + 17, std::byte{42});

// True when no way to change the file is left to this process.
bool is_unchangeable(int fd) {
  const std::byte other{1};
  if (::pwrite(fd, &other, 1, 0) >= 0 || ::ftruncate(fd, 0) == 0) return false;
  const void* mapping = ::mmap(nullptr, kBytes.size(), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (mapping != MAP_FAILED) return false;
  const UniqueFd again(::open(fmt::format("/proc/self/fd/{}", fd).c_str(), O_RDWR | O_CLOEXEC));
  return !again || ::pwrite(again.get(), &other, 1, 0) < 0;
}

}  // namespace

TEST_CASE("a hot file in memory holds its bytes, and nobody can change them") {
  const auto backing = make_hot_memory();
  const UniqueFd file = backing->make({}, kBytes);
  std::vector<std::byte> found(kBytes.size());
  REQUIRE(read_at(file.get(), 0, found));
  CHECK(found == kBytes);
  struct stat st {};
  REQUIRE(::fstat(file.get(), &st) == 0);
  CHECK(st.st_nlink == 0);
  CHECK(is_unchangeable(file.get()));
  CHECK(backing->is_sealed());
}

TEST_CASE("a private filesystem in memory takes no more than its files have") {
  const auto root = mount_private_tmpfs();
  if (!root) {
    MESSAGE("SKIPPED: this process may not mount, hot files are memfds here");
    return;
  }
  for (const std::size_t size : {std::size_t{1}, std::size_t{4096}, std::size_t{5 * 4096}, std::size_t{3} << 20U}) {
    const UniqueFd file(::openat(root->get(), ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0400));
    REQUIRE(file);
    write_all(file.get(), std::vector<std::byte>(size));
    struct stat st {};
    REQUIRE(::fstat(file.get(), &st) == 0);
    CHECK(static_cast<std::size_t>(st.st_blocks) * 512 == (size + 4095) / 4096 * 4096);
  }
}
