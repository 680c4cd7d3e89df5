// What three saves of one growing conversation take in one store, against the ideal: what the longest holds, once.
//
//   bench_sessions
#include <fmt/format.h>
#include <stdlib.h>

#include <exception>
#include <filesystem>
#include <set>

#include "bench/row.hpp"
#include "pfcache/engine_file.hpp"

namespace pfcache::bench {
namespace {

namespace fs = std::filesystem;

fs::path session(int tokens) { return fs::path(TEST_DATA_DIR) / fmt::format("llama-session-{}.bin", tokens); }

std::uint64_t plain_bytes(const Store& store) {
  std::set<Digest> seen;
  std::uint64_t sum = 0;
  store.blobs().for_each([&](const Digest& digest, const BlobInfo& /*info*/) {
    if (seen.insert(digest).second) sum += store.blobs().get(digest).size();
  });
  return sum;
}

void run(const fs::path& directory) {
  Store store = Store::init(directory);
  std::uintmax_t file_bytes = 0;
  for (const int tokens : {399, 799, 1199}) {
    capture_engine_file(session(tokens), store);
    file_bytes += fs::file_size(session(tokens));
  }
  const auto files = static_cast<double>(file_bytes);
  const double ideal = files / static_cast<double>(fs::file_size(session(1199)));
  const double reached = files / static_cast<double>(plain_bytes(store));
  print_row({"nested llama.cpp sessions, deduplication", fmt::format("{:.3f} x", reached),
             fmt::format("{:.3f} x", ideal), "ideal", reached / ideal, Bar::at_least, 0.95});
  const double stored = files / static_cast<double>(store.blobs().physical_bytes());
  print_row({"  and compressed", fmt::format("{:.3f} x", stored), "", "", stored});
}

}  // namespace
}  // namespace pfcache::bench

int main() {
  namespace fs = std::filesystem;
  std::string directory = (fs::temp_directory_path() / "bench-sessions-XXXXXX").native();
  if (::mkdtemp(directory.data()) == nullptr) {
    std::perror("bench_sessions: cannot make a directory");
    return 1;
  }
  int status = 0;
  try {
    pfcache::bench::run(directory);
  } catch (const std::exception& error) {
    fmt::print(stderr, "bench_sessions: {}\n", error.what());
    status = 1;
  }
  fs::remove_all(directory);
  return status;
}
