#include "fuse/timed_operations.hpp"

#include <utility>

#include "fuse/metrics.hpp"
#include "fuse/operations.hpp"

namespace pfcache::fuse {
namespace {

template <auto kMember, MountOperation kOperation>
struct Timed;

// The callback that is measured is kept beside its wrapper: libfuse calls both with nothing but the request.
template <typename... Args, void (*fuse_lowlevel_ops::*kMember)(fuse_req_t, Args...), MountOperation kOperation>
struct Timed<kMember, kOperation> {
  static inline void (*measured)(fuse_req_t, Args...) = nullptr;

  static void call(fuse_req_t req, Args... args) {
    const OperationTimer timer(file_system_of(req).metrics, kOperation);
    measured(req, args...);
  }

  static void put_around(fuse_lowlevel_ops& ops) noexcept {
    if (ops.*kMember == nullptr) return;
    measured = std::exchange(ops.*kMember, call);
  }
};

}  // namespace

void time_operations(fuse_lowlevel_ops& ops) noexcept {
  using Ops = fuse_lowlevel_ops;
  Timed<&Ops::lookup, MountOperation::lookup>::put_around(ops);
  Timed<&Ops::getattr, MountOperation::getattr>::put_around(ops);
  Timed<&Ops::setattr, MountOperation::setattr>::put_around(ops);
  Timed<&Ops::readlink, MountOperation::readlink>::put_around(ops);
  Timed<&Ops::open, MountOperation::open>::put_around(ops);
  Timed<&Ops::create, MountOperation::create>::put_around(ops);
  Timed<&Ops::read, MountOperation::read>::put_around(ops);
  Timed<&Ops::write_buf, MountOperation::write>::put_around(ops);
  Timed<&Ops::flush, MountOperation::flush>::put_around(ops);
  Timed<&Ops::release, MountOperation::release>::put_around(ops);
  Timed<&Ops::fsync, MountOperation::fsync>::put_around(ops);
  Timed<&Ops::fallocate, MountOperation::fallocate>::put_around(ops);
  Timed<&Ops::opendir, MountOperation::opendir>::put_around(ops);
  Timed<&Ops::readdir, MountOperation::readdir>::put_around(ops);
  Timed<&Ops::readdirplus, MountOperation::readdir>::put_around(ops);
  Timed<&Ops::releasedir, MountOperation::releasedir>::put_around(ops);
  Timed<&Ops::fsyncdir, MountOperation::fsyncdir>::put_around(ops);
  Timed<&Ops::mkdir, MountOperation::mkdir>::put_around(ops);
  Timed<&Ops::rmdir, MountOperation::rmdir>::put_around(ops);
  Timed<&Ops::mknod, MountOperation::mknod>::put_around(ops);
  Timed<&Ops::symlink, MountOperation::symlink>::put_around(ops);
  Timed<&Ops::link, MountOperation::link>::put_around(ops);
  Timed<&Ops::unlink, MountOperation::unlink>::put_around(ops);
  Timed<&Ops::rename, MountOperation::rename>::put_around(ops);
  Timed<&Ops::getxattr, MountOperation::getxattr>::put_around(ops);
  Timed<&Ops::listxattr, MountOperation::listxattr>::put_around(ops);
  Timed<&Ops::statfs, MountOperation::statfs>::put_around(ops);
  Timed<&Ops::ioctl, MountOperation::ioctl>::put_around(ops);
}

}  // namespace pfcache::fuse
