#include "fuse/option_table.hpp"

#include <doctest/doctest.h>

#include <set>
#include <string>

#include "fuse/usage.hpp"

using pfcache::fuse::find_mount_option;
using pfcache::fuse::mount_option_table;
using pfcache::fuse::MountOption;
using pfcache::fuse::OptionKind;

TEST_CASE("no name is there twice, and each is found") {
  std::set<std::string_view> names;
  for (const MountOption& option : mount_option_table()) {
    CHECK_MESSAGE(names.insert(option.name).second, std::string(option.name));
    CHECK(find_mount_option(option.name) == &option);
  }
  CHECK(find_mount_option("") == nullptr);
  CHECK(find_mount_option("sideways") == nullptr);
}

TEST_CASE("options of ours are explained in the help, in 80 columns") {
  const std::string text = pfcache::fuse::usage();
  for (const MountOption& option : mount_option_table()) {
    CHECK((option.kind == OptionKind::ours) == !option.help.empty());
    if (option.kind != OptionKind::ours) continue;
    std::string line = "\n    ";
    line.append(option.name).append(option.value.empty() ? " " : "=").append(option.value);
    CHECK_MESSAGE(text.find(line) != std::string::npos, line);
  }
  std::size_t width = 0;
  for (const char c : text) {
    const bool begins_character = (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
    width = c == '\n' ? 0 : width + (begins_character ? 1 : 0);
    CHECK(width <= 80);
  }
}
