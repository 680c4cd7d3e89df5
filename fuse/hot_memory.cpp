// Hot files in memory: memfds.
//
// Sealed once they are filled, so that nobody who gets hold of one, this process included, can change a byte that was
// verified. The kernel swaps them like other memory, and they are gone with the last process that has one open or
// mapped.
#include <fcntl.h>
#include <sys/mman.h>

#include "fuse/file_bytes.hpp"
#include "fuse/hot_backing.hpp"
#include "pfcache/error.hpp"

namespace pfcache::fuse {
namespace {

class HotMemory final : public HotBacking {
 public:
  UniqueFd make(const HotKey& /*key*/, std::span<const std::byte> bytes) override {
    UniqueFd file(::memfd_create("pfcache-hot", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (!file) throw Error::from_last_errno("memfd_create");
    write_all(file.get(), bytes);
    if (::fcntl(file.get(), F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
      throw Error::from_last_errno("sealing a hot file");
    }
    return file;
  }

  std::optional<UniqueFd> find(const HotKey& /*key*/) override { return std::nullopt; }
  void remove(const HotKey& /*key*/) noexcept override {}
  std::vector<HotKey> list() override { return {}; }
  UniqueFd make_sample() override { return make({}, {}); }
  bool is_sealed() const noexcept override { return true; }
  unsigned stack_depth() const override { return 1; }
  std::string name() const override { return "memory"; }
};

}  // namespace

std::unique_ptr<HotBacking> make_hot_memory() { return std::make_unique<HotMemory>(); }

}  // namespace pfcache::fuse
