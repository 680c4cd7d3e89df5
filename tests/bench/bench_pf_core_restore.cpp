// Reads every blob of a store that holds what pf-core 1.0 writes, the way pf-core reads it, and prints plain bytes and
// seconds: the other side of a restore.
//
//   bench_pf_core_restore STORE portable|sha      which SHA-256 it has
#include <fmt/format.h>

#include <exception>
#include <string_view>

#include "bench/measure.hpp"
#include "bench/pf_core_way.hpp"

int main(int argc, char** argv) {
  using namespace pfcache::bench;
  const std::string_view hash = argc == 3 ? argv[2] : "";
  if (hash != "portable" && hash != "sha") {
    fmt::print(stderr, "usage: bench_pf_core_restore STORE portable|sha\n");
    return 2;
  }
  try {
    const PfCoreWay store(std::filesystem::path(argv[1]) / "blobs" / "sha256",
                          hash == "sha" ? HashBy::sha_instructions : HashBy::portable);
    const auto digests = store.list();
    std::size_t bytes = 0;
    const double seconds = seconds_of([&] {
      for (const auto& digest : digests) bytes += store.get(digest).size();
    });
    fmt::print("{} {}\n", bytes, seconds);
  } catch (const std::exception& error) {
    fmt::print(stderr, "bench_pf_core_restore: {}\n", error.what());
    return 1;
  }
  return 0;
}
