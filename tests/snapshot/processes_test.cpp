// Several processes at one store.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <utility>

#include "base/bytes.hpp"
#include "base/directory.hpp"
#include "pfcache/capture.hpp"
#include "pfcache/inspect.hpp"
#include "pfcache/page_files.hpp"
#include "pfcache/sha256.hpp"
#include "pfcache/store.hpp"
#include "snapshot/snapshot_support.hpp"
#include "support/temp_dir.hpp"

namespace pfcache::test {
namespace {

namespace fs = std::filesystem;

/// A second process that runs `work`; wait() is true when that threw nothing.
class Child {
 public:
  template <typename Work>
  explicit Child(Work&& work) : pid_(::fork()) {
    REQUIRE(pid_ >= 0);
    if (pid_ != 0) return;
    int status = 1;
    try {
      work();
      status = 0;
    } catch (...) {  // The exit status tells.
    }
    ::_exit(status);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() { std::ignore = wait(); }

  [[nodiscard]] bool has_ended() {
    if (pid_ > 0 && ::waitpid(pid_, &status_, WNOHANG) == pid_) pid_ = 0;
    return pid_ == 0;
  }

  bool wait() {
    if (pid_ > 0) ::waitpid(std::exchange(pid_, 0), &status_, 0);
    return WIFEXITED(status_) && WEXITSTATUS(status_) == 0;
  }

 private:
  pid_t pid_;
  int status_ = 0;
};

/// Durability is no matter here, and without the waits there are more races to meet.
class NoSyncOps final : public FileOps {
 public:
  int fsync(int) override { return 0; }
};

Digest capture_and_seal(const fs::path& path, std::uint64_t seed) {
  Store store = Store::open(path);
  const WriterLease lease = store.lease();
  SyntheticCachePager pager({4, 1, 1, 4, DType::bf16});
  pager.populate_synthetic(3, seed);
  CaptureOptions options;
  options.threads = 2;
  const CaptureResult result = capture_cache(pager, store.blobs(), options);
  store.catalog().seal(result.digest, {1, "test", "", false, result.pages, result.logical_bytes});
  return result.digest;
}

}  // namespace

TEST_CASE("two processes capture the same data at once, 100 times") {
  TempDir dir;
  const fs::path path = dir.path() / "store";
  const Store store = Store::init(path);
  for (std::uint64_t round = 0; round < 100; ++round) {
    CAPTURE(round);
    Child child([&] { capture_and_seal(path, round); });
    const Digest digest = capture_and_seal(path, round);
    REQUIRE(child.wait());
    REQUIRE(store.has_snapshot(digest));
  }
  const VerifyReport report = verify_snapshots(store, store.catalog().snapshots());
  CHECK(report.snapshots == 100);
  CHECK(report.damage.empty());
  for (const auto& file : contents_of(path)) {
    CHECK_MESSAGE(file.first.find(".tmp-") == std::string::npos, "left behind: " << file.first);
  }
}

TEST_CASE("a catalog is read while another process adds to it and removes from it") {
  TempDir dir;
  const fs::path path = dir.path() / "store";
  Store store = Store::init(path);
  const Digest lasting = sha256(as_bytes("lasting"));
  store.catalog().seal(lasting, {});
  store.catalog().set_ref("lasting", lasting);
  Child child([&] {
    NoSyncOps ops;
    Catalog catalog(Directory::open(path, ops));
    for (int i = 0; i < 500; ++i) {
      const Digest digest = sha256(as_bytes(std::to_string(i % 7)));
      const std::string name = fmt::format("name-{}", i % 5);
      catalog.seal(digest, {1, "child", "", false, 0, 0});
      catalog.set_ref(name, digest);
      catalog.set_ref("moving", i % 2 == 0 ? lasting : digest);
      catalog.remove_ref(name);
      catalog.set_ref("moving", lasting);
      catalog.remove(digest);
    }
  });
  while (!child.has_ended()) {
    bool has_lasting = false;
    for (const Digest& digest : store.catalog().snapshots()) {
      has_lasting |= digest == lasting;
      std::ignore = store.catalog().find(digest);
    }
    REQUIRE(has_lasting);
    bool has_ref = false;
    for (const Ref& ref : store.catalog().refs()) has_ref |= ref.name == "lasting" && ref.digest == lasting;
    REQUIRE(has_ref);
    if (const auto moving = store.catalog().ref("moving")) REQUIRE(*moving != Digest());
    std::ignore = collect_stats(store);
  }
  CHECK(child.wait());
  CHECK(store.catalog().snapshots() == std::vector{lasting});
  CHECK(store.catalog().refs().size() == 2);
}

TEST_CASE("what another process seals is seen at once by a store that is open") {
  TempDir dir;
  const fs::path path = dir.path() / "store";
  const Store store = Store::init(path);
  CHECK(store.catalog().snapshots().empty());
  Child child([&] { capture_and_seal(path, 5); });
  REQUIRE(child.wait());
  REQUIRE(store.catalog().snapshots().size() == 1);
  CHECK(store.manifest(store.catalog().snapshots()[0]).pages.size() == 3);
}

TEST_CASE("two processes restore to one directory: one gets it, whole, and the other is told") {
  TempDir dir;
  const fs::path path = dir.path() / "store";
  const Store store = Store::init(path);
  const Digest digest = capture_and_seal(path, 5);
  const fs::path out = dir.path() / "out";
  for (int round = 0; round < 20; ++round) {
    Child child([&] { restore_directory(store.blobs(), digest, out); });
    bool mine = true;
    try {
      restore_directory(store.blobs(), digest, out);
    } catch (const Error& error) {
      mine = false;
      CHECK(error.code() == Errc::already_exists);
    }
    CHECK(child.wait() != mine);
    CHECK(names_in(out / "pages").size() == 3);
    CHECK(names_in(dir.path()) == std::vector<std::string>{"out", "store"});
    fs::remove_all(out);
  }
}

}  // namespace pfcache::test
