#include "fuse/completion.hpp"

#include <doctest/doctest.h>

#include <sstream>
#include <string>
#include <vector>

#include "fuse/mount_options.hpp"
#include "fuse/option_table.hpp"
#include "fuse/usage.hpp"

using pfcache::fuse::complete;
using pfcache::fuse::mount_option_table;
using pfcache::fuse::MountOption;
using pfcache::fuse::OptionKind;

namespace {

using Words = std::vector<std::string>;

struct Offered {
  std::string kind;
  Words words;
};

Offered typed(const std::vector<std::string_view>& line) {
  std::istringstream lines(complete(line));
  Offered offered;
  std::getline(lines, offered.kind);
  for (std::string text; std::getline(lines, text);) offered.words.push_back(text.substr(0, text.find('\t')));
  return offered;
}

Words words(const std::vector<std::string_view>& line) { return typed(line).words; }

}  // namespace

TEST_CASE("behind -o stands every option of the table that has an effect") {
  Words expected;
  for (const MountOption& option : mount_option_table()) {
    if (option.kind == OptionKind::ignored) continue;
    expected.push_back(std::string(option.name) + (option.value.empty() ? "" : "="));
  }
  CHECK(words({"-o", ""}) == expected);
  CHECK(words({"store", "-fvo", ""}) == expected);
  CHECK(typed({"-o", ""}).kind == "list");
}

TEST_CASE("a list of options goes on behind a comma, without those that it has") {
  CHECK(words({"-o", "pass"}) == Words{"passthrough="});
  CHECK(words({"-o", "ro,hot"}) == Words{"ro,hot=", "ro,hot_size="});
  CHECK(words({"-o", "hot=/a,umask=0,hot"}) == Words{"hot=/a,umask=0,hot_size="});
  CHECK(words({"-o", "ro,nosuid,nosu"}).empty());
}

TEST_CASE("values are those that the option takes") {
  CHECK(words({"-o", "verify="}) == Words{"verify=once", "verify=always"});
  CHECK(words({"-o", "ro,passthrough=r"}) == Words{"ro,passthrough=require"});
  CHECK(words({"-o", "hot="}) == Words{"hot=memory", "hot=none"});
  CHECK(typed({"-o", "hot="}).kind == "list-directories");
  CHECK(words({"-o", "threads="}).empty());
  CHECK(words({"-o", "sideways="}).empty());
  for (const MountOption& option : mount_option_table()) {
    for (const std::string& setting : words({"-o", std::string(option.name) + "="})) {
      CAPTURE(setting);
      CHECK_NOTHROW((void)pfcache::fuse::parse_mount_options({"store", "dir", "-o", setting}));
    }
  }
}

TEST_CASE("flags are those of the help") {
  const std::string help = pfcache::fuse::usage();
  const Words flags = words({"-"});
  CHECK(flags.size() == 11);
  for (const std::string& flag : flags) CHECK_MESSAGE(help.find(" " + flag) != std::string::npos, flag);
  CHECK(words({"--v"}) == Words{"--version"});
  CHECK(words({"--", "-"}).empty());
}

TEST_CASE("operands are directories, and the other arguments what their letters take") {
  CHECK(typed({}).kind == "directories");
  CHECK(typed({"-v", "-o", "ro", "store", ""}).kind == "directories");
  CHECK(typed({"store", "dir", ""}).kind == "words");
  CHECK(typed({"-N", ""}).kind == "files");
  CHECK(words({"-t", ""}) == Words{"pfcache", "fuse.pfcache"});
}
