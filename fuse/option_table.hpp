// The options that -o takes, one row each.
//
// The parser, the help, the completion, the suggestion for a mistyped name and whoever else wants to know what a mount
// can be told walk this one table. It is constant, for any thread. Throws: Errc::invalid_argument naming the option.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "fuse/mount_options.hpp"
#include "fuse/option_setting.hpp"

namespace pfcache::fuse {

enum class OptionKind : std::uint8_t {
  ours,     ///< of this program, and explained in its help
  kernel,   ///< of any mount: handed to the kernel as it is
  ignored,  ///< a word for mount(8) and other readers of fstab(5), which arrives with or without a value
};

struct MountOption {
  std::string_view name;
  std::string_view value;  ///< what stands behind "=" in the help; empty: it takes no value
  OptionKind kind;
  std::string_view help;  ///< lines; of options of ours only
  void (*take)(MountOptions& options, const OptionSetting& setting);
  std::string_view words = {};  ///< that the value may be, with | between them; DIR stands for any directory
};

/// All rows, those of ours first and in the order of the help.
[[nodiscard]] std::span<const MountOption> mount_option_table() noexcept;

/// The row with this name, or nullptr.
[[nodiscard]] const MountOption* find_mount_option(std::string_view name) noexcept;

/// Lets one setting have its effect. False, and no effect, when it is not known.
/// Throws: for a value that has no meaning, one that is missing and one that is too many.
[[nodiscard]] bool take_setting(MountOptions& options, const OptionSetting& setting);

/// "unknown option 'hotsize=1G'; did you mean 'hot_size'?"
[[nodiscard]] std::string unknown_option_message(const OptionSetting& setting);

}  // namespace pfcache::fuse
