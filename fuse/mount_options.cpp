#include "fuse/mount_options.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

#include "pfcache/error.hpp"

namespace pfcache::fuse {
namespace {

// Flags of the mount itself, which libfuse hands to the kernel.
constexpr std::array<std::string_view, 13> kKernelFlags = {"suid",   "nosuid",  "dev",        "nodev",      "exec",
                                                           "noexec", "atime",   "noatime",    "nodiratime", "sync",
                                                           "async",  "dirsync", "nosymfollow"};

// Words of /etc/fstab that are meant for mount(8), which leaves some of them in.
constexpr std::array<std::string_view, 8> kIgnored = {"defaults", "auto",  "noauto", "nofail",
                                                      "_netdev",  "users", "user",   "relatime"};

template <std::size_t N>
bool is_one_of(const std::array<std::string_view, N>& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

[[noreturn]] void refuse(const std::string& what) { throw Error(Errc::invalid_argument, what); }

// All of `text` as a number of at most `limit`.
template <typename T>
T parse_number(std::string_view option, std::string_view text, int base, T limit) {
  T value{};
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (failure != std::errc() || end != text.data() + text.size() || value > limit) {
    refuse(fmt::format("option '{}': '{}' is not a number up to {}", option, text,
                       base == 8 ? fmt::format("{:o} (octal)", limit) : fmt::format("{}", limit)));
  }
  return value;
}

std::uint64_t parse_size(std::string_view option, std::string_view text) {
  constexpr std::string_view kSuffixes = "KMG";
  unsigned shift = 0;
  std::string_view digits = text;
  if (!text.empty()) {
    const std::size_t suffix = kSuffixes.find(text.back());
    if (suffix != std::string_view::npos) {
      shift = 10 * (static_cast<unsigned>(suffix) + 1);
      digits.remove_suffix(1);
    }
  }
  return parse_number(option, digits, 10, std::numeric_limits<std::uint64_t>::max() >> shift) << shift;
}

PassthroughUse parse_passthrough(std::string_view text) {
  if (text == "auto") return PassthroughUse::automatic;
  if (text == "off") return PassthroughUse::off;
  if (text == "require") return PassthroughUse::required;
  refuse(fmt::format("option 'passthrough': '{}' is not auto, off or require", text));
}

VerifyWhen parse_verify(std::string_view text) {
  if (text == "once") return VerifyWhen::once;
  if (text == "always") return VerifyWhen::always;
  refuse(fmt::format("option 'verify': '{}' is not once or always", text));
}

class Parser {
 public:
  MountOptions parse(const std::vector<std::string_view>& args) {
    find_sloppiness(args);
    bool only_operands = false;
    for (std::size_t i = 0; i < args.size(); ++i) {
      const std::string_view arg = args[i];
      if (only_operands || arg.size() < 2 || arg[0] != '-') {
        operands_.push_back(arg);
      } else if (arg == "--") {
        only_operands = true;
      } else if (arg.substr(0, 2) == "--") {
        take_long(arg);
      } else if (take_letters(arg.substr(1))) {
        if (++i == args.size()) refuse("option -o: the options are missing");
        take_options(args[i]);
      }
    }
    take_operands();
    return result_;
  }

 private:
  // -s holds for the options before it, too.
  void find_sloppiness(const std::vector<std::string_view>& args) {
    for (const std::string_view arg : args) {
      if (arg == "--") return;
      if (arg.size() < 2 || arg[0] != '-' || arg[1] == '-') continue;
      if (arg.substr(0, arg.find('o')).find('s') != std::string_view::npos) is_sloppy_ = true;
    }
  }

  void take_long(std::string_view arg) {
    if (arg == "--help") {
      result_.show_help = true;
    } else if (arg == "--version") {
      result_.show_version = true;
    } else {
      refuse(fmt::format("unknown option '{}'", arg));
    }
  }

  // True when the argument after this one is what -o is about.
  bool take_letters(std::string_view letters) {
    for (std::size_t i = 0; i < letters.size(); ++i) {
      switch (letters[i]) {
        case 's':
        case 'n': break;  // -s was seen before; there is no mtab to leave alone
        case 'f': result_.is_fake = true; break;
        case 'v': result_.is_verbose = true; break;
        case 'h': result_.show_help = true; break;
        case 'V': result_.show_version = true; break;
        case 'o':
          if (i + 1 == letters.size()) return true;
          take_options(letters.substr(i + 1));
          return false;
        default: refuse(fmt::format("unknown option '-{}'", letters[i]));
      }
    }
    return false;
  }

  void take_options(std::string_view list) {
    while (!list.empty()) {
      const std::size_t comma = std::min(list.find(','), list.size());
      if (comma > 0) take_option(list.substr(0, comma));
      list.remove_prefix(std::min(comma + 1, list.size()));
    }
  }

  void take_option(std::string_view option) {
    const std::size_t equals = option.find('=');
    if (equals != std::string_view::npos) {
      take_value(option, option.substr(0, equals), option.substr(equals + 1));
    } else if (option == "ro") {
      result_.read_only = true;
    } else if (option == "rw") {
      result_.read_only = false;
    } else if (option == "allow_other") {
      result_.allow_other = true;
    } else if (option == "foreground") {
      result_.foreground = true;
    } else if (is_one_of(kKernelFlags, option)) {
      result_.kernel_flags.emplace_back(option);
    } else if (!is_one_of(kIgnored, option)) {
      take_unknown(option);
    }
  }

  void take_value(std::string_view option, std::string_view key, std::string_view value) {
    constexpr std::uint32_t kMaxId = std::numeric_limits<std::uint32_t>::max() - 1;  // the last one means "none"
    if (key == "uid") {
      result_.uid = parse_number(key, value, 10, kMaxId);
    } else if (key == "gid") {
      result_.gid = parse_number(key, value, 10, kMaxId);
    } else if (key == "umask") {
      result_.umask = parse_number(key, value, 8, std::uint32_t{0777});
    } else if (key == "hot_size") {
      result_.hot_size_bytes = parse_size(key, value);
    } else if (key == "hot") {
      take_hot(value);
    } else if (key == "passthrough") {
      result_.passthrough = parse_passthrough(value);
    } else if (key == "verify") {
      result_.verify = parse_verify(value);
    } else if (key == "threads") {
      result_.threads = parse_number(key, value, 10, kMaxThreads);
    } else {
      take_unknown(option);
    }
  }

  void take_hot(std::string_view value) {
    if (value.empty()) refuse("option 'hot': 'memory', 'none' or a directory is needed");
    result_.hot = value == "memory" ? HotPlace::memory : value == "none" ? HotPlace::none : HotPlace::directory;
    result_.hot_directory = result_.hot == HotPlace::directory ? value : "";
  }

  // What begins with "x-" is a note in /etc/fstab to some other program.
  void take_unknown(std::string_view option) const {
    if (!is_sloppy_ && option.substr(0, 2) != "x-") refuse(fmt::format("unknown option '{}'", option));
  }

  void take_operands() {
    if (result_.show_help || result_.show_version) return;
    if (operands_.empty()) refuse("a store and a directory are needed");
    if (operands_.size() == 1) refuse(fmt::format("a directory to mount on is needed besides '{}'", operands_[0]));
    if (operands_.size() > 2) refuse(fmt::format("unexpected argument '{}'", operands_[2]));
    if (operands_[0].empty() || operands_[1].empty()) refuse("the store and the directory can't be empty");
    result_.store = operands_[0];
    result_.directory = operands_[1];
  }

  MountOptions result_;
  std::vector<std::string_view> operands_;
  bool is_sloppy_ = false;
};

}  // namespace

MountOptions parse_mount_options(const std::vector<std::string_view>& args) { return Parser().parse(args); }

std::string_view usage() noexcept {
  return R"(usage: mount.pfcache STORE DIR [-sfnv] [-o OPTIONS]

Shows a pfcache store as files: DIR/snap/<digest>/pages/NNNN and more. A snapshot
is written below DIR/new/NAME and committed by `mv DIR/new/NAME DIR/snap/NAME`, or
copied into DIR/snap/<digest>.
Goes to the background once it serves; ends when DIR is unmounted.

  -f             check everything, but don't mount
  -n             accepted, without effect
  -s             ignore options that are not known
  -v             say what is done
  -o OPTIONS     a list with commas:
    ro                 read-only; so is the mount of a store that can't be written
    allow_other        let other users in
    uid=N, gid=N       who owns the files (default: the one who mounts)
    umask=OCTAL        permission bits that are taken away (default: 0)
    hot=PLACE          where decoded pages are kept: memory (default), none, or a
                       directory, whose files outlive the mount and may be shared
    hot_size=N[KMG]    how much of them (default: a quarter of the memory, at most
                       8G; with hot=none 256M)
    passthrough=WHEN   let the kernel read decoded pages by itself: auto (default:
                       where it can), off, require (or fail)
    verify=WHEN        when files that others could change are hashed: once (default:
                       before they are first given out, again when they were
                       touched), always (at every open)
    threads=N          threads that answer the kernel (default: 10, or one a CPU)
    foreground         stay in the foreground, messages to stderr
    nodev, noexec, nosuid, noatime … as for every mount
  -h, --help     this text
  -V, --version  the version
)";
}

}  // namespace pfcache::fuse
