#include "fuse/open_files.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <thread>
#include <vector>

using namespace pfcache;
using namespace pfcache::fuse;

namespace {

constexpr int kRefused = 0;

HotFilePtr some_file() { return std::make_shared<const HotFile>(UniqueFd(), 8); }

}  // namespace

TEST_CASE("opens of one inode share one backing id, which the last release gives back") {
  OpenFiles files;
  int registered = 0;
  const auto open_backing = [&](int /*fd*/) { return 7 + registered++; };
  CHECK_FALSE(files.join(1));
  CHECK(files.open(1, some_file(), open_backing) == 7);
  CHECK(files.open(1, some_file(), open_backing) == 7);
  CHECK(files.join(1) == 7);
  CHECK(registered == 1);
  CHECK_FALSE(files.release(1));
  CHECK_FALSE(files.release(1));
  CHECK(files.release(1) == 7);
  CHECK(files.size() == 0);
  CHECK(files.open(1, some_file(), open_backing) == 8);
}

TEST_CASE("an inode that was opened cached stays so until it is closed") {
  OpenFiles files;
  CHECK(files.open(1, some_file(), [](int) { return kRefused; }) == 0);
  CHECK(files.open(1, some_file(), [](int) { return 5; }) == 0);
  CHECK(files.join(1) == 0);
  CHECK_FALSE(files.release(1));
  CHECK_FALSE(files.release(1));
  CHECK_FALSE(files.release(1));  // nothing to close
  CHECK(files.open(1, some_file(), [](int) { return 5; }) == 5);
}

TEST_CASE("the file of a cached open is kept until the last release, that of one by passthrough is the kernel's") {
  OpenFiles files;
  HotFilePtr file = some_file();
  (void)files.open(1, nullptr, [](int) { return 5; });
  CHECK(files.file(1) == nullptr);
  files.set_file(1, file);
  CHECK(files.file(1) == file);
  (void)files.open(2, file, [](int) { return kRefused; });
  (void)files.open(3, file, [](int) { return 5; });
  CHECK(file.use_count() == 3);
  CHECK(files.file(3) == nullptr);
  (void)files.release(1);
  (void)files.release(2);
  CHECK(file.use_count() == 1);
  files.set_file(1, file);  // closed meanwhile
  CHECK(file.use_count() == 1);
}

TEST_CASE("a release of what isn't open changes nothing") {
  OpenFiles files;
  CHECK_FALSE(files.release(3));
  CHECK(files.file(3) == nullptr);
}

TEST_CASE("threads that open and release at random all see one id, and each id is given back once") {
  OpenFiles files;
  std::atomic<int> registered{0};
  std::atomic<int> given_back{0};
  std::atomic<int> wrong{0};
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 20000; ++i) {
        const int id = files.open(1, some_file(), [&](int) { return ++registered; });
        if (files.join(1) != id) ++wrong;
        given_back += files.release(1) ? 1 : 0;
        given_back += files.release(1) ? 1 : 0;
      }
    });
  }
  threads.clear();
  CHECK(wrong == 0);
  CHECK(registered > 0);
  CHECK(given_back == registered);
  CHECK(files.size() == 0);
}
