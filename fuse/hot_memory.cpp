// Hot files in memory: files without a name on a filesystem that is attached nowhere, or else memfds.
//
// The first kind has large pages: it is filled twice as fast as a memfd, and read through a mapping half as fast again.
// Both are sealed once they are filled, so that nobody who gets hold of one, this process included, can change a byte
// that was verified. The kernel swaps them like other memory, and they are gone with the last process that has one
// open or mapped.
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "fuse/file_bytes.hpp"
#include "fuse/hot_backing.hpp"
#include "fuse/private_tmpfs.hpp"
#include "pfcache/error.hpp"

namespace pfcache::fuse {
namespace {

UniqueFd make_sealed_memfd(std::span<const std::byte> bytes) {
  UniqueFd file(::memfd_create("pfcache-hot", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!file) throw Error::from_last_errno("memfd_create");
  write_all(file.get(), bytes);
  if (::fcntl(file.get(), F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
    throw Error::from_last_errno("sealing a hot file");
  }
  return file;
}

// No seals here: the file is made immutable, and the only descriptor that could still write is closed.
UniqueFd make_immutable_file(int directory, std::span<const std::byte> bytes) {
  const UniqueFd writer(::openat(directory, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0400));
  if (!writer) throw Error::from_last_errno("making a hot file");
  write_all(writer.get(), bytes);
  const int flags = FS_IMMUTABLE_FL;
  if (::ioctl(writer.get(), FS_IOC_SETFLAGS, &flags) != 0) throw Error::from_last_errno("sealing a hot file");
  UniqueFd file(::open(fmt::format("/proc/self/fd/{}", writer.get()).c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) throw Error::from_last_errno("opening a hot file");
  return file;
}

class HotMemory final : public HotBacking {
 public:
  HotMemory() : directory_(mount_private_tmpfs()) {
    try {
      if (directory_) static_cast<void>(make_immutable_file(directory_->get(), {}));
    } catch (const Error&) {
      directory_.reset();
    }
  }

  UniqueFd make(const HotKey& /*key*/, std::span<const std::byte> bytes) override {
    return directory_ ? make_immutable_file(directory_->get(), bytes) : make_sealed_memfd(bytes);
  }

  std::optional<UniqueFd> find(const HotKey& /*key*/) override { return std::nullopt; }
  void remove(const HotKey& /*key*/) noexcept override {}
  std::vector<HotKey> list() override { return {}; }
  UniqueFd make_sample() override { return make({}, {}); }
  bool is_sealed() const noexcept override { return true; }
  unsigned stack_depth() const override { return 1; }
  std::string name() const override { return "memory"; }

 private:
  std::optional<UniqueFd> directory_;
};

}  // namespace

std::unique_ptr<HotBacking> make_hot_memory() { return std::make_unique<HotMemory>(); }

}  // namespace pfcache::fuse
