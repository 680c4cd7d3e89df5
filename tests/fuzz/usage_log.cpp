// ROOT/usage with any bytes: no count, or a count that adding to changes by what was added, and that can be started
// again. Every file of a root that a store reads is somebody else's by then.
#include "warm/usage_log.hpp"

#include <stdlib.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "fuzz/driver.hpp"

namespace {

using namespace pfcache;

void require(bool holds) {
  if (!holds) std::abort();
}

constexpr std::size_t kWordBytes = 8;
constexpr std::size_t kHeaderBytes = 3 * kWordBytes;
constexpr std::size_t kMaxFileBytes = std::size_t{1} << 20;

const std::filesystem::path& scratch() {
  struct Scratch {
    std::filesystem::path path;
    Scratch() {
      std::string name = (std::filesystem::temp_directory_path() / "pfcache-fuzz-XXXXXX").native();
      require(::mkdtemp(name.data()) != nullptr);
      path = name;
    }
    ~Scratch() {
      std::error_code ignored;
      std::filesystem::remove_all(path, ignored);
    }
  };
  static const Scratch made;
  return made.path;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::ofstream(scratch() / "usage", std::ios::binary)
      .write(reinterpret_cast<const char*>(data), static_cast<std::streamsize>(size));
  const Directory root = Directory::open(scratch());
  UsageLog log(root);
  const auto before = log.read();
  const auto after = log.add(10);
  // One that was cut off in front of its last word gets a wrong one by the append, as any word may be wrong.
  const bool is_cut = size == kHeaderBytes - kWordBytes;
  require(before.has_value() == after.has_value() || is_cut || size > kMaxFileBytes - kWordBytes);
  if (before && after) require(after->bytes >= before->bytes && after->bytes - before->bytes <= 10);
  log.reset({7, std::chrono::seconds(5)});
  require(log.read()->bytes == 7 && log.add(-3)->bytes == 4 && log.add(-9)->bytes == 0);
  return 0;
}
