// What a blob store in a directory does to that directory.
#include "pfcache/fs_blob_store.hpp"

#include <doctest/doctest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zstd.h>

#include <cstdlib>
#include <set>

#include "base/directory.hpp"
#include "cas/frames.hpp"
#include "cas/tree.hpp"
#include "pfcache/sha256.hpp"
#include "support/failure.hpp"
#include "support/recording_file_ops.hpp"
#include "support/temp_dir.hpp"

namespace pfcache::test {
namespace {

namespace fs = std::filesystem;

TEST_CASE("fs_sharding_uses_first_two_hex_chars: a blob lies in the directory of its digest's first byte") {
  const TempDir dir;
  FsBlobStore store(dir.path());
  const Bytes blob = compressible_bytes(1000, 1);
  const Digest digest = store.put(blob).digest;
  const std::string hex = digest.hex();
  CHECK(fs::exists(dir.path() / "blobs" / "sha256" / hex.substr(0, 2) / (hex + ".zst")));
  CHECK(only_file_of(dir.path(), digest) == blob_path(dir.path(), digest, ".zst"));
}

TEST_CASE("a blob kept as it is can be opened as a file, which outlives the blob; others can't") {
  const TempDir dir;
  FsBlobStore store(dir.path());
  const Bytes random = random_bytes(10'000, 1);
  const Digest digest = store.put(random).digest;
  const std::optional<UniqueFd> file = store.open_raw(digest, random.size());
  REQUIRE(file.has_value());
  CHECK_FALSE(store.open_raw(digest, random.size() - 1).has_value());
  CHECK_FALSE(store.open_raw(store.put(compressible_bytes(10'000, 1)).digest, 10'000).has_value());
  CHECK_FALSE(store.open_raw(sha256(bytes_of("absent")), 6).has_value());
  CHECK(store.remove(digest));
  Bytes found(random.size());
  CHECK(::pread(file->get(), found.data(), found.size(), 0) == static_cast<ssize_t>(found.size()));
  CHECK(found == random);
  CHECK(::write(file->get(), "x", 1) == -1);
}

TEST_CASE("opening a directory that is absent says so and makes nothing") {
  const TempDir dir;
  const fs::path absent = dir.path() / "absent";
  const Failure failure = failure_of([&] { FsBlobStore store(absent); });
  CHECK(failure.code == Errc::not_found);
  CHECK(failure.what.find(absent.native()) != std::string::npos);
  CHECK_FALSE(fs::exists(absent));
}

TEST_CASE("the policy decides between zstd and raw, the content too when it is automatic") {
  const TempDir dir;
  const auto suffix_of = [&](EncodingPolicy policy, const Bytes& blob) {
    const TempDir fresh;
    FsBlobStore store(fresh.path(), policy);
    return only_file_of(fresh.path(), store.put(blob).digest).extension().native();
  };
  const Bytes compressible = compressible_bytes(10'000, 1);
  const Bytes random = random_bytes(10'000, 1);
  CHECK(suffix_of(EncodingPolicy::automatic, compressible) == ".zst");
  CHECK(suffix_of(EncodingPolicy::automatic, random) == ".raw");
  CHECK(suffix_of(EncodingPolicy::automatic, {}) == ".raw");
  CHECK(suffix_of(EncodingPolicy::raw, compressible) == ".raw");
  for (const Bytes& blob : {compressible, random, Bytes()}) CHECK(suffix_of(EncodingPolicy::zstd_19, blob) == ".zst");
}

TEST_CASE("automatic keeps raw what zstd would make less than 3 % smaller") {
  // Random bytes with a share of zeros, which is about what zstd saves.
  const auto stored_as = [](std::size_t zeros) {
    const TempDir dir;
    FsBlobStore store(dir.path());
    Bytes blob = random_bytes(100'000 - zeros, 1);
    blob.resize(100'000);
    return store.find(store.put(blob).digest)->encoding;
  };
  CHECK(stored_as(2'800) == Encoding::raw);
  CHECK(stored_as(3'300) == Encoding::zstd);
}

TEST_CASE("the zstd_19 policy writes one frame with its content size, as small as level 19 makes it") {
  const TempDir dir;
  FsBlobStore store(dir.path(), EncodingPolicy::zstd_19);
  const Bytes blob = compressible_bytes(200'000, 1);
  const Bytes frame = read_bytes(only_file_of(dir.path(), store.put(blob).digest));
  CHECK(ZSTD_findFrameCompressedSize(frame.data(), frame.size()) == frame.size());
  CHECK(ZSTD_getFrameContentSize(frame.data(), frame.size()) == blob.size());
  Bytes expected(ZSTD_compressBound(blob.size()));
  expected.resize(ZSTD_compress(expected.data(), expected.size(), blob.data(), blob.size(), 19));
  CHECK(frame == expected);
}

TEST_CASE("a store that pf-core wrote is read whole") {
  const TempDir dir;
  const std::string command =
      "tar -xzf '" TEST_DATA_DIR "/pf-core-store-g2.tar.gz' --strip-components=1 -C '" + dir.path().native() + "'";
  REQUIRE(std::system(command.c_str()) == 0);  // NOLINT(concurrency-mt-unsafe,cert-env33-c): one thread, own words
  const FsBlobStore store(dir.path());
  std::set<Digest> digests;
  std::uint64_t stored_bytes = 0;
  store.for_each([&](const Digest& digest, const BlobInfo& info) {
    CHECK(info.encoding == Encoding::zstd);
    CHECK(digests.insert(digest).second);
    stored_bytes += info.stored_bytes;
  });
  CHECK(digests.size() == 17);  // K and V of eight pages, and the manifest
  CHECK(store.physical_bytes() == stored_bytes);
  const Digest manifest = Digest::parse("530ae64d7190faf6861dff4d3fe22268b5440d9524ef82e4df7756464bb20e8b");
  for (const Digest& digest : digests) {
    const Bytes blob = store.get(digest);
    CHECK(sha256(blob) == digest);
    CHECK(blob.size() == (digest == manifest ? 1543 : 128));
    Bytes out(blob.size());
    store.get_into(digest, out);
    CHECK(out == blob);
  }
}

TEST_CASE("a blob in frames without content size, and in several frames, is read") {
  const TempDir dir;
  const FsBlobStore store(dir.path());
  const Bytes a = compressible_bytes(30'000, 1);
  const Bytes whole = joined({a, a});
  write_bytes(blob_path(dir.path(), sha256(a), ".zst"), streamed_frame(a, 1, 19));
  write_bytes(blob_path(dir.path(), sha256(whole), ".zst"), joined({streamed_frame(a), streamed_frame(a)}));
  for (const Bytes& blob : {a, whole}) {
    Bytes out(blob.size());
    store.get_into(sha256(blob), out);
    CHECK(out == blob);
    CHECK(store.get(sha256(blob)) == blob);
  }
}

TEST_CASE("files that are not blobs are left out and left alone") {
  const TempDir dir;
  FsBlobStore store(dir.path());
  const PutResult result = store.put(compressible_bytes(1000, 1));
  const std::string hex = result.digest.hex();
  const fs::path sha256_dir = dir.path() / "blobs/sha256";
  const std::string other_shard = hex.starts_with("00") ? "01" : "00";
  const Bytes junk = bytes_of("junk");
  for (const fs::path& path :
       {sha256_dir / hex.substr(0, 2) / ".tmp-0123456789abcdef", sha256_dir / hex.substr(0, 2) / (hex + ".bak"),
        sha256_dir / other_shard / (hex + ".zst"), sha256_dir / "README", sha256_dir / "fe", sha256_dir / "AB" / "x",
        sha256_dir / "zz" / (hex + ".zst"), dir.path() / "blobs" / "md5" / "x"}) {
    if (!fs::exists(path)) write_bytes(path, junk);
  }
  fs::create_directories(sha256_dir / hex.substr(0, 2) / (std::string(64, '0') + ".raw"));
  const auto before = tree_of(dir.path());
  const FsBlobStore reader(dir.path());
  std::vector<Digest> visited;
  reader.for_each([&](const Digest& digest, const BlobInfo&) { visited.push_back(digest); });
  CHECK(visited == std::vector<Digest>{result.digest});
  CHECK(reader.physical_bytes() == result.stored_bytes);
  CHECK(tree_of(dir.path()) == before);
}

void read_everything(const FsBlobStore& store, const Bytes& present, const Digest& damaged, const Digest& absent) {
  Bytes out(present.size());
  store.get_into(sha256(present), out);
  CHECK(out == present);
  CHECK(store.get(sha256(present)) == present);
  CHECK(store.contains(damaged));
  CHECK(failure_of([&] { std::ignore = store.get(damaged); }).code == Errc::damaged);
  CHECK(failure_of([&] { std::ignore = store.get(absent); }).code == Errc::not_found);
  CHECK_FALSE(store.contains(absent));
  CHECK(store.physical_bytes() > 0);
}

TEST_CASE("reading changes nothing, not even by a call that fails") {
  const TempDir dir;
  const Bytes present = compressible_bytes(3000, 1);
  const Digest damaged = sha256(compressible_bytes(3000, 2));
  FsBlobStore(dir.path()).put(present);
  write_bytes(blob_path(dir.path(), damaged, ".zst"), bytes_of("damage"));
  const auto before = tree_of(dir.path());
  RecordingFileOps ops(dir.path());
  const FsBlobStore store(Directory::open(dir.path(), ops), EncodingPolicy::automatic);
  read_everything(store, present, damaged, sha256(bytes_of("absent")));
  CHECK(ops.call_count() == 0);
  CHECK(tree_of(dir.path()) == before);
}

TEST_CASE("reading an empty directory makes no directories in it") {
  const TempDir dir;
  const FsBlobStore store(dir.path());
  const Digest absent = sha256(bytes_of("absent"));
  CHECK_FALSE(store.contains(absent));
  CHECK(failure_of([&] { std::ignore = store.get(absent); }).code == Errc::not_found);
  CHECK(store.physical_bytes() == 0);
  CHECK(tree_of(dir.path()).empty());
}

// Runs `work` in a process of its own, as nobody when we are root; returns its exit status.
template <typename Work>
int run_unprivileged(Work&& work) {
  constexpr uid_t kNobody = 65534;
  const pid_t child = ::fork();
  if (child == 0) {
    if (::geteuid() == 0 && ::setuid(kNobody) != 0) ::_exit(99);
    try {
      ::_exit(work());
    } catch (...) {
      ::_exit(98);
    }
  }
  int status = 0;
  if (child < 0 || ::waitpid(child, &status, 0) != child || !WIFEXITED(status)) return 97;
  return WEXITSTATUS(status);
}

TEST_CASE("a read-only directory tree is read, and a put into it fails") {
  const TempDir dir;
  const Bytes present = compressible_bytes(3000, 1);
  FsBlobStore(dir.path()).put(present);
  const auto set_mode = [&](fs::perms mode) {
    fs::permissions(dir.path(), mode);
    for (const auto& entry : fs::recursive_directory_iterator(dir.path())) fs::permissions(entry.path(), mode);
  };
  set_mode(fs::perms{0555});
  const int status = run_unprivileged([&] {
    FsBlobStore store(dir.path());
    if (store.get(sha256(present)) != present) return 1;
    if (!store.contains(sha256(present)) || store.physical_bytes() == 0) return 2;
    if (store.put(present).added) return 3;  // what is there needs no writing
    try {
      store.put(bytes_of("new"));
    } catch (const Error& error) {
      return error.code() == std::errc::permission_denied ? 0 : 4;
    }
    return 5;
  });
  set_mode(fs::perms{0755});
  CHECK(status == 0);
}

TEST_CASE("a batch of more blobs than a process may have open files is stored") {
  const TempDir dir;
  rlimit old{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &old) == 0);
  rlimit few = old;
  few.rlim_cur = 320;
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &few) == 0);
  {
    FsBlobStore store(dir.path());
    const auto batch = store.begin_batch();
    for (std::uint64_t i = 0; i < 1500; ++i) batch->put(compressible_bytes(64, i));
    batch->commit();
    for (std::uint64_t i = 0; i < 1500; ++i) CHECK(store.contains(sha256(compressible_bytes(64, i))));
  }
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &old) == 0);
  CHECK(count_temp_files(dir.path()) == 0);
}

}  // namespace
}  // namespace pfcache::test
