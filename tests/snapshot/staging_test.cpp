// Snapshots that come through staging directories: written and committed, and arriving.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <thread>

#include "base/directory.hpp"
#include "pfcache/inspect.hpp"
#include "pfcache/page_files.hpp"
#include "pfcache/sha256.hpp"
#include "pfcache/staging.hpp"
#include "snapshot/staged_file.hpp"
#include "snapshot/staged_files.hpp"
#include "support/temp_dir.hpp"

namespace pfcache::test {
namespace {

namespace fs = std::filesystem;

struct StagingStore {
  TempDir dir;
  fs::path path = dir.path() / "store";
  Store store = Store::init(path);
  Staging staging{store, 2};

  StagedSnapshotPtr make(const std::string& name, StagedFiles& files) {
    staging.make_new(name);
    files.write_draft(new_path(name));
    return staging.find_new(name);
  }
  [[nodiscard]] fs::path new_path(const std::string& name) const { return path / "staging/new" / name; }
  [[nodiscard]] fs::path arriving_path(const Digest& digest) const { return path / "staging/snap" / digest.hex(); }

  /// The first page of `files`, in halves, after the manifest.
  ArrivingSnapshotPtr bring_halves(StagedFiles& files) {
    auto arriving = staging.make_arriving(files.digest);
    const fs::path target = arriving_path(files.digest);
    write_text(target / "manifest.json", files.json);
    arriving->take("", "manifest.json", "manifest.json");
    const std::string page = files.bytes_of(0);
    for (const std::string part : {"k", "v"}) {
      fs::create_directory(target / part);
      write_text(target / part / "0000", part == "k" ? page.substr(0, page.size() / 2) : page.substr(page.size() / 2));
      arriving->take(part, "0000", "0000");
    }
    return arriving;
  }

  void require_whole() {
    const VerifyReport report = verify_snapshots(store, store.catalog().snapshots());
    CHECK(report.damage.empty());
  }
};

StagedSnapshot::CommitOptions named(const std::string& ref) {
  StagedSnapshot::CommitOptions options;
  options.ref = ref;
  return options;
}

}  // namespace

TEST_CASE("a commit seals what a capture of the same cache would, names it, and takes the directory away") {
  StagingStore s;
  StagedFiles files(8, 99);
  const auto staged = s.make("foo", files);
  CHECK(staged->commit(named("prod")) == files.digest);
  CHECK(files.digest.hex() == "530ae64d7190faf6861dff4d3fe22268b5440d9524ef82e4df7756464bb20e8b");  // vector G2
  CHECK(s.store.catalog().ref("prod") == files.digest);
  CHECK(s.store.catalog().find(files.digest)->pages == 8);
  CHECK_FALSE(fs::exists(s.new_path("foo")));
  CHECK(s.staging.find_new("foo") == nullptr);
  s.require_whole();
}

TEST_CASE("after note_closed and sync all blobs are in the store before the commit") {
  StagingStore s;
  StagedFiles files(5);
  const auto staged = s.make("foo", files);
  for (const PageEntry& page : files.manifest.pages) staged->note_closed("pages", page_file_name(page.ix));
  staged->sync();
  for (const PageEntry& page : files.manifest.pages) {
    CHECK(s.store.blobs().contains(page.k));
    CHECK(s.store.blobs().contains(page.v));
  }
  CHECK(s.store.blobs().contains(files.digest));
  CHECK(s.store.catalog().snapshots().empty());
  CHECK(staged->commit(named("prod")) == files.digest);
}

TEST_CASE("a file that changes after sync is stored as it is at the commit") {
  StagingStore s;
  StagedFiles files(3);
  StagedFiles others(3, 1234);
  const auto staged = s.make("foo", files);
  staged->sync();
  others.write_page(s.new_path("foo"), 1);
  const Digest digest = staged->commit(named("prod"));
  CHECK(digest != files.digest);
  CHECK(s.store.manifest(digest).pages[1].k == others.manifest.pages[1].k);
  CHECK(s.store.manifest(digest).pages[2].k == files.manifest.pages[2].k);
}

TEST_CASE("a commit that fails says why and leaves everything") {
  StagingStore s;
  StagedFiles files(3);
  const auto staged = s.make("foo", files);
  write_text(s.new_path("foo") / "pages/0002", "short");
  const Failure failure = failure_of([&] { static_cast<void>(staged->commit(named("prod"))); });
  CHECK(failure.code == Errc::mismatch);
  CHECK(names(failure, "pages/0002"));
  CHECK(staged->error() == failure.what);
  CHECK(names_in(s.new_path("foo") / "pages").size() == 3);
  CHECK(s.store.catalog().refs().empty());
  files.write_page(s.new_path("foo"), 2);
  CHECK(staged->commit(named("prod")) == files.digest);
}

TEST_CASE("a file that is mapped for writing is not taken for settled, nor is one that is open") {
  TempDir dir;
  const Directory directory = Directory::open(dir.path());
  const UniqueFd fd(::open((dir.path() / "file").c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0644));
  REQUIRE(::ftruncate(fd.get(), 4096) == 0);
  CHECK_FALSE(StagedFile::open(directory, "file")->is_settled());
  void* const memory = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
  REQUIRE(memory != MAP_FAILED);
  UniqueFd closed(::dup(fd.get()));
  closed.reset();
  ::close(UniqueFd(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 0)).release());
  CHECK_FALSE(StagedFile::open(directory, "file")->is_settled());
  ::munmap(memory, 4096);
}

TEST_CASE("a staging directory in use is locked, and given free when it was idle") {
  StagingStore s;
  StagedFiles files(1);
  const auto staged = s.make("foo", files);
  const UniqueFd fd(::open(s.new_path("foo").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  CHECK(::flock(fd.get(), LOCK_EX | LOCK_NB) != 0);
}

TEST_CASE("names of staging directories are names that refs may have") {
  StagingStore s;
  for (const std::string& name :
       {std::string(), std::string(".x"), std::string("a/b"), std::string(64, 'a'), std::string("..")}) {
    CHECK(failure_of([&] { s.staging.make_new(name); }).code == Errc::invalid_argument);
  }
  s.staging.make_new("foo");
  CHECK(failure_of([&] { s.staging.make_new("foo"); }).code == Errc::already_exists);
  CHECK(s.staging.list_new() == std::vector<std::string>{"foo"});
}

TEST_CASE("an arriving snapshot seals itself with its last page") {
  StagingStore s;
  StagedFiles files(4);
  const auto arriving = s.staging.make_arriving(files.digest);
  const fs::path dir = s.arriving_path(files.digest);
  CHECK(s.staging.list_arriving() == std::vector<Digest>{files.digest});
  write_text(dir / ".m", files.json);
  arriving->take("", ".m", "manifest.json");
  REQUIRE(arriving->manifest() != nullptr);
  fs::create_directory(dir / "pages");
  for (std::uint32_t ix = 0; ix < 4; ++ix) {
    CHECK_FALSE(arriving->is_sealed());
    CHECK_FALSE(arriving->has(files.manifest.pages[ix].k));
    write_text(dir / "pages/.in-flight", files.bytes_of(ix));
    arriving->take("pages", ".in-flight", page_file_name(PageIndex{ix}));
  }
  CHECK(arriving->is_sealed());
  CHECK(s.store.has_snapshot(files.digest));
  CHECK(names_in(dir / "pages").empty());
  s.require_whole();
}

TEST_CASE("what arrives and does not match is refused, and the rest stays") {
  StagingStore s;
  StagedFiles files(2);
  const auto arriving = s.staging.make_arriving(files.digest);
  const fs::path dir = s.arriving_path(files.digest);
  write_text(dir / "manifest.json", files.json + " ");
  CHECK(failure_of([&] { arriving->take("", "manifest.json", "manifest.json"); }).code == Errc::malformed);
  write_text(dir / "manifest.json", files.json);
  arriving->take("", "manifest.json", "manifest.json");
  fs::create_directory(dir / "pages");
  write_text(dir / "pages/0000", files.bytes_of(1));
  const Failure failure = failure_of([&] { arriving->take("pages", "0000", "0000"); });
  CHECK(failure.code == Errc::malformed);
  CHECK(names(failure, "pages/0000"));
  CHECK(arriving->error() == failure.what);
  files.write_page(dir, 0);
  arriving->take("pages", "0000", "0000");
  files.write_page(dir, 1);
  arriving->take("pages", "0001", "0001");
  CHECK(arriving->is_sealed());
}

TEST_CASE("pages may come before their manifest; those that don't match go, and the manifest stays") {
  StagingStore s;
  StagedFiles files(3);
  const auto arriving = s.staging.make_arriving(files.digest);
  const fs::path dir = s.arriving_path(files.digest);
  fs::create_directory(dir / "pages");
  for (std::uint32_t ix = 0; ix < 3; ++ix) files.write_page(dir, ix);
  write_text(dir / "pages/0001", files.bytes_of(2));
  write_text(dir / "manifest.json", files.json);
  CHECK(names(failure_of([&] { arriving->take("", "manifest.json", "manifest.json"); }), "pages/0001"));
  CHECK_FALSE(fs::exists(dir / "pages/0001"));
  files.write_page(dir, 1);
  arriving->take("pages", "0001", "0001");
  CHECK(arriving->is_sealed());
  s.require_whole();
}

TEST_CASE("another process goes on with what arrived") {
  StagingStore s;
  StagedFiles files(3);
  const fs::path dir = s.arriving_path(files.digest);
  {
    Staging first(s.store, 1);
    const auto arriving = first.make_arriving(files.digest);
    write_text(dir / "manifest.json", files.json);
    arriving->take("", "manifest.json", "manifest.json");
    fs::create_directory(dir / "pages");
    files.write_page(dir, 0);
    arriving->take("pages", "0000", "0000");
  }
  files.write_page(dir, 1);
  write_text(dir / "pages/0002", "half");  // being written when the process died
  const auto arriving = s.staging.find_arriving(files.digest);
  CHECK(arriving->has(files.manifest.pages[0].k));
  CHECK(arriving->has(files.manifest.pages[1].v));
  CHECK_FALSE(arriving->is_sealed());
  files.write_page(dir, 2);
  arriving->take("pages", "0002", "0002");
  CHECK(arriving->is_sealed());
}

TEST_CASE("who looks whether a snapshot has arrived doesn't keep it from being sealed") {
  StagingStore s;
  StagedFiles files(1);
  const auto arriving = s.bring_halves(files);
  for (int look = 0; look < 12 && !arriving->is_sealed(); ++look) {
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    CHECK(s.staging.find_arriving(files.digest) == arriving);
    s.staging.tidy();
  }
  CHECK(arriving->is_sealed());
}

TEST_CASE("halves alone are a snapshot once nothing more is expected") {
  StagingStore s;
  StagedFiles files(1);
  const auto arriving = s.bring_halves(files);
  CHECK_FALSE(arriving->is_sealed());
  arriving->sync();
  CHECK(arriving->is_sealed());
}

}  // namespace pfcache::test
