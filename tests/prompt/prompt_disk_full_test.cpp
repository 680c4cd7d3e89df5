// A disk that is really full: a small tmpfs, where we may mount one.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "prompt/prompt_support.hpp"
#include "support/failure.hpp"
#include "support/temp_dir.hpp"

namespace pfcache::test {
namespace {

class SmallDisk {
 public:
  explicit SmallDisk(const std::filesystem::path& path)
      : path_(path), mounted_(::mount("tmpfs", path.c_str(), "tmpfs", 0, "size=1m") == 0) {}
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  ~SmallDisk() {
    if (mounted_) ::umount2(path_.c_str(), MNT_DETACH);
  }
  [[nodiscard]] bool is_mounted() const { return mounted_; }

 private:
  std::filesystem::path path_;
  bool mounted_;
};

}  // namespace

TEST_CASE("a full disk refuses the new entry and keeps the old ones") {
  const TempDir dir;
  const SmallDisk disk(dir.path());
  if (!disk.is_mounted()) {
    MESSAGE("SKIPPED: mounting a tmpfs takes root");
    return;
  }
  DiskKvCache cache(dir.path(), kBudget);
  const std::string payload = payload_of(600'000, 1);
  save(cache, "old", payload);
  CHECK(failure_of([&] { save(cache, "new", payload); }).code == std::errc::no_space_on_device);
  int ends[2];
  REQUIRE(::pipe(ends) == 0);  // of unknown size: found out while writing
  const pid_t writer = ::fork();
  if (writer == 0) {
    ::close(ends[0]);
    for (std::size_t at = 0; at < payload.size();) {
      const ssize_t count = ::write(ends[1], payload.data() + at, payload.size() - at);
      if (count <= 0) break;
      at += static_cast<std::size_t>(count);
    }
    ::_exit(0);
  }
  ::close(ends[1]);
  CHECK(failure_of([&] { cache.save({.text = "new", .header = {}}, ends[0]); }).code == std::errc::no_space_on_device);
  ::close(ends[0]);
  ::waitpid(writer, nullptr, 0);
  CHECK(names_in(dir.path()).size() == 1);
  CHECK(payload_of(cache, "old", {.touch = false}) == payload);
}

}  // namespace pfcache::test
