#include "fuse/session.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <new>
#include <string>
#include <thread>
#include <utility>

#include "fuse/hot_setup.hpp"
#include "fuse/operations.hpp"
#include "pfcache/error.hpp"

namespace pfcache::fuse {
namespace {

constexpr unsigned kDefaultThreads = 10;
constexpr unsigned kMinThreads = 2;  // one waits for what another does, see write_back_mappings()

// Arguments for libfuse, which come as a command line.
class Arguments {
 public:
  Arguments() { add("mount.pfcache"); }
  ~Arguments() { fuse_opt_free_args(&args_); }
  Arguments(const Arguments&) = delete;
  Arguments& operator=(const Arguments&) = delete;

  void add(const std::string& argument) {
    if (fuse_opt_add_arg(&args_, argument.c_str()) != 0) throw std::bad_alloc();
  }
  fuse_args* get() noexcept { return &args_; }

 private:
  fuse_args args_{};
};

// A list for -o in which a comma inside an option stays one.
class OptionList {
 public:
  OptionList() = default;
  ~OptionList() { ::free(text_); }
  OptionList(const OptionList&) = delete;
  OptionList& operator=(const OptionList&) = delete;

  void add(const std::string& option) {
    if (fuse_opt_add_opt_escaped(&text_, option.c_str()) != 0) throw std::bad_alloc();
  }
  [[nodiscard]] const char* text() const noexcept { return text_; }

 private:
  char* text_ = nullptr;
};

// As mount(8) does it, which leaves contexts out where nothing knows them: the kernel would refuse to mount.
bool has_selinux() noexcept { return ::access("/sys/fs/selinux/enforce", F_OK) == 0; }

void add_options(Arguments& arguments, const Store& store, const MountOptions& options, bool is_writable) {
  OptionList list;
  list.add("fsname=" + store.path().string());
  list.add("subtype=pfcache");
  list.add("default_permissions");
  if (options.allow_other) list.add("allow_other");
  for (const std::string& flag : options.kernel_flags) list.add(flag);
  if (has_selinux()) {
    for (const std::string& context : options.security_contexts) list.add(context);
  }
  list.add(is_writable ? "rw" : "ro");
  arguments.add("-o");
  arguments.add(list.text());
}

// Whether the mount can be written. What nobody asked for is said.
bool may_write(const Store& store, const MountOptions& options, Log& log) {
  if (options.read_only) return false;
  std::string why;
  if (is_writable_store(store, why)) return true;
  log.tell("read-only: the store can't be written: " + why);
  return false;
}

struct DestroySession {
  void operator()(fuse_session* session) const noexcept { fuse_session_destroy(session); }
};
using SessionPtr = std::unique_ptr<fuse_session, DestroySession>;

// Signals that end the session are handled while this lives.
class SignalHandlers {
 public:
  explicit SignalHandlers(fuse_session* session) : session_(session) {
    if (fuse_set_signal_handlers(session) != 0) throw Error::from_errno(EIO, "cannot set signal handlers");
  }
  ~SignalHandlers() { fuse_remove_signal_handlers(session_); }
  SignalHandlers(const SignalHandlers&) = delete;
  SignalHandlers& operator=(const SignalHandlers&) = delete;

 private:
  fuse_session* session_;
};

class MountPoint {
 public:
  MountPoint(fuse_session* session, const std::string& directory) : session_(session) {
    errno = 0;
    if (fuse_session_mount(session, directory.c_str()) == 0) return;
    // Of users fusermount3 has said why: it does what it may, and says so itself when it may not.
    const int errnum = ::geteuid() != 0 ? EPERM : errno;
    throw Error::from_errno(errnum != 0 ? errnum : EIO, "cannot mount on " + directory);
  }
  ~MountPoint() { fuse_session_unmount(session_); }
  MountPoint(const MountPoint&) = delete;
  MountPoint& operator=(const MountPoint&) = delete;

 private:
  fuse_session* session_;
};

struct DestroyLoopConfig {
  void operator()(fuse_loop_config* config) const noexcept { fuse_loop_cfg_destroy(config); }
};

void run_loop(FileSystem& fs, fuse_session* session, unsigned threads) {
  const std::unique_ptr<fuse_loop_config, DestroyLoopConfig> config(fuse_loop_cfg_create());
  if (config == nullptr) throw std::bad_alloc();
  if (threads == 0) threads = std::max(kDefaultThreads, std::thread::hardware_concurrency());
  threads = std::max(threads, kMinThreads);
  fs.writes.free_write_backs = static_cast<int>(threads) - 1;
  fuse_loop_cfg_set_max_threads(config.get(), threads);
  // Negative: an errno. Positive: the signal that asked for the end.
  const int result = fuse_session_loop_mt(session, config.get());
  if (result < 0) throw Error::from_errno(-result, "the connection to the kernel broke");
}

}  // namespace

void serve(Store& store, const MountOptions& options, Log& log, const SessionEvents& events) {
  const Ownership ownership{options.uid.value_or(::getuid()), options.gid.value_or(::getgid()), options.umask};
  HotSetup hot = set_up_hot_pages(options, log);
  const bool is_writable = may_write(store, options, log);
  FileSystem fs({store, *hot.backing, log, is_writable, options.prompt_limits, options.warm_limits}, ownership,
                hot.limits, std::move(hot.passthrough));
  Arguments arguments;
  add_options(arguments, store, options, is_writable);
  const fuse_lowlevel_ops ops = operations();
  const SessionPtr session(fuse_session_new(arguments.get(), &ops, sizeof ops, &fs));
  if (session == nullptr) throw Error::from_errno(EINVAL, "libfuse refused the options");
  fs.passthrough.require_possible();
  if (options.is_fake) return;
  fs.session = session.get();
  const SignalHandlers handlers(session.get());
  const MountPoint mount_point(session.get(), options.directory);
  fs.passthrough.attach(session.get(), events.on_serving);
  run_loop(fs, session.get(), options.threads);
  events.on_ending();
  fs.passthrough.require_if_asked();
}

}  // namespace pfcache::fuse
