#include "fuse/mount_options.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "fuse/option_setting.hpp"
#include "fuse/option_table.hpp"
#include "pfcache/error.hpp"

namespace pfcache::fuse {
namespace {

// Names of ours in /etc/fstab, which mount(8) hands on with -t.
constexpr std::array<std::string_view, 2> kTypes = {"pfcache", "fuse.pfcache"};

[[noreturn]] void refuse(const std::string& what) { throw Error(Errc::invalid_argument, what); }

// Settings have their effect at the end: a -s behind them holds for them, too.
class Parser {
 public:
  explicit Parser(MountOptions defaults) : result_(std::move(defaults)) {}

  MountOptions parse(const std::vector<std::string_view>& args) {
    bool only_operands = false;
    for (std::size_t i = 0; i < args.size(); ++i) {
      const std::string_view arg = args[i];
      if (only_operands || arg.size() < 2 || arg[0] != '-') {
        operands_.push_back(arg);
      } else if (arg == "--") {
        only_operands = true;
      } else if (arg.substr(0, 2) == "--") {
        take_long(arg);
      } else if (const char waiting = take_letters(arg.substr(1)); waiting != 0) {
        if (++i == args.size()) refuse(fmt::format("option -{}: what it is about is missing", waiting));
        take_argument(waiting, args[i]);
      }
    }
    refuse_remount();
    take_settings();
    take_operands();
    return std::move(result_);
  }

 private:
  void take_long(std::string_view arg) {
    if (arg == "--help") {
      result_.show_help = true;
    } else if (arg == "--version") {
      result_.show_version = true;
    } else {
      refuse(fmt::format("unknown option '{}'", arg));
    }
  }

  // The letter that the argument after this one is about, or 0.
  char take_letters(std::string_view letters) {
    for (std::size_t i = 0; i < letters.size(); ++i) {
      switch (letters[i]) {
        case 'n': break;  // there is no mtab to leave alone
        case 's': is_sloppy_ = true; break;
        case 'f': result_.is_fake = true; break;
        case 'v': result_.is_verbose = true; break;
        case 'h': result_.show_help = true; break;
        case 'V': result_.show_version = true; break;
        case 'o':
        case 't':
        case 'N':
          if (i + 1 == letters.size()) return letters[i];
          take_argument(letters[i], letters.substr(i + 1));
          return 0;
        default: refuse(fmt::format("unknown option '-{}'", letters[i]));
      }
    }
    return 0;
  }

  void take_argument(char letter, std::string_view argument) {
    if (letter == 'o') {
      const std::vector<OptionSetting> list = parse_settings(argument);
      settings_.insert(settings_.end(), list.begin(), list.end());
    } else if (letter == 'N') {
      if (argument.empty()) refuse("option -N: a namespace is needed");
      result_.mount_namespace = argument;
    } else if (std::find(kTypes.begin(), kTypes.end(), argument) == kTypes.end()) {
      refuse(fmt::format("option -t: '{}' is not pfcache or fuse.pfcache", argument));
    }
  }

  // mount(8) hands on all that the kernel shows of the mount with it, which says nothing that was meant.
  void refuse_remount() const {
    if (std::ranges::find(settings_, "remount", &OptionSetting::name) == settings_.end()) return;
    const std::string_view directory = operands_.empty() ? "DIR" : operands_.back();
    throw Error(
        Errc::unsupported,
        fmt::format("option 'remount': the options of a mount can't be changed; `umount {0}` and mount it again, "
                    "or, to make it read-only, `mount -o remount,bind,ro {0}`",
                    directory));
  }

  void take_settings() {
    for (const OptionSetting& setting : settings_) {
      if (!take_setting(result_, setting) && !is_sloppy_) refuse(unknown_option_message(setting));
    }
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
  std::vector<OptionSetting> settings_;
  std::vector<std::string_view> operands_;
  bool is_sloppy_ = false;
};

}  // namespace

MountOptions parse_mount_options(const std::vector<std::string_view>& args, MountOptions defaults) {
  return Parser(std::move(defaults)).parse(args);
}

}  // namespace pfcache::fuse
