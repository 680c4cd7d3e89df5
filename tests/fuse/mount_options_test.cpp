#include "fuse/mount_options.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "pfcache/error.hpp"

using pfcache::Errc;
using pfcache::Error;
using pfcache::fuse::HotPlace;
using pfcache::fuse::MountOptions;
using pfcache::fuse::parse_mount_options;
using pfcache::fuse::PassthroughUse;
using pfcache::fuse::VerifyWhen;

namespace {

// The message of the usage error that `args` make.
std::string refusal(const std::vector<std::string_view>& args) {
  try {
    (void)parse_mount_options(args);
  } catch (const Error& error) {
    CHECK((error.code() == Errc::invalid_argument));
    return error.what();
  }
  return "accepted";
}

MountOptions with(std::string_view options) { return parse_mount_options({"-o", options, "store", "dir"}); }

bool names(const std::string& message, std::string_view text) { return message.find(text) != std::string::npos; }

}  // namespace

TEST_CASE("a store and a directory are enough") {
  const MountOptions options = parse_mount_options({"store", "dir"});
  CHECK(options.store == "store");
  CHECK(options.directory == "dir");
  CHECK_FALSE(options.foreground);
  CHECK_FALSE(options.allow_other);
  CHECK_FALSE(options.uid);
  CHECK_FALSE(options.gid);
  CHECK(options.umask == 0);
  CHECK_FALSE(options.hot_size_bytes);
  CHECK((options.hot == HotPlace::memory));
  CHECK((options.passthrough == PassthroughUse::automatic));
  CHECK((options.verify == VerifyWhen::once));
  CHECK(options.threads == 0);
  CHECK(options.kernel_flags.empty());
}

TEST_CASE("options may stand anywhere, attached or apart, more than once") {
  const std::vector<std::vector<std::string_view>> spellings = {
      {"store", "dir", "-o", "ro,threads=3"},       {"-o", "ro,threads=3", "store", "dir"},
      {"store", "-oro", "-o", "threads=3", "dir"},  {"-vnoro,threads=3", "store", "dir"},
      {"-o", "ro", "store", "dir", "-othreads=3,"}, {"-o", ",,threads=3,,ro", "--", "store", "dir"},
  };
  for (const auto& args : spellings) {
    const MountOptions options = parse_mount_options(args);
    CHECK(options.store == "store");
    CHECK(options.directory == "dir");
    CHECK(options.read_only);
    CHECK(options.threads == 3);
  }
}

TEST_CASE("every option says what it says") {
  const MountOptions options = with("ro,allow_other,uid=1000,gid=0,umask=027,hot_size=3G,threads=8,foreground");
  CHECK(options.read_only);
  CHECK(options.allow_other);
  CHECK(options.uid == 1000U);
  CHECK(options.gid == 0U);
  CHECK(options.umask == 027);
  CHECK(options.hot_size_bytes == std::uint64_t{3} << 30U);
  CHECK(options.threads == 8);
  CHECK(options.foreground);
  CHECK_FALSE(with("ro,rw").read_only);
}

TEST_CASE("a size has a unit or none") {
  CHECK(with("hot_size=0").hot_size_bytes == 0);
  CHECK(with("hot_size=123").hot_size_bytes == 123);
  CHECK(with("hot_size=2K").hot_size_bytes == 2048);
  CHECK(with("hot_size=5M").hot_size_bytes == 5U << 20U);
  CHECK(with("hot_size=17179869183G").hot_size_bytes == std::uint64_t{17179869183} << 30U);
}

TEST_CASE("hot pages are in memory, in a directory or nowhere") {
  CHECK((with("hot=/some/dir").hot == HotPlace::directory));
  CHECK(with("hot=/some/dir").hot_directory == "/some/dir");
  CHECK((with("hot=none").hot == HotPlace::none));
  CHECK((with("hot=/some/dir,hot=memory").hot == HotPlace::memory));
  CHECK(with("hot=/some/dir,hot=memory").hot_directory.empty());
}

TEST_CASE("passthrough is off, required or as it comes") {
  CHECK((with("passthrough=off").passthrough == PassthroughUse::off));
  CHECK((with("passthrough=require").passthrough == PassthroughUse::required));
  CHECK((with("passthrough=off,passthrough=auto").passthrough == PassthroughUse::automatic));
}

TEST_CASE("files are verified once or always") {
  CHECK((with("verify=once").verify == VerifyWhen::once));
  CHECK((with("verify=always").verify == VerifyWhen::always));
}

TEST_CASE("flags of the mount are passed on in order, words for mount(8) are not") {
  const MountOptions options = with("defaults,nosuid,noauto,x-systemd.automount,nodev,_netdev,noatime,x-a=b");
  CHECK(options.kernel_flags == std::vector<std::string>{"nosuid", "nodev", "noatime"});
}

TEST_CASE("a value that makes no sense is refused by name") {
  for (const char* bad : {"uid=",
                          "uid=-1",
                          "uid=4294967295",
                          "gid=x",
                          "gid=1 ",
                          "umask=8",
                          "umask=1000",
                          "umask=",
                          "hot=",
                          "passthrough=",
                          "passthrough=on",
                          "hot_size=",
                          "hot_size=K",
                          "hot_size=1X",
                          "hot_size=-1",
                          "hot_size=17179869184G",
                          "warm_budget=-1",
                          "warm_ttl=",
                          "warm_ttl=5",
                          "warm_ttl=-1h",
                          "hot_size=18446744073709551616",
                          "verify=",
                          "verify=never",
                          "threads=1025",
                          "threads=0x2",
                          "threads=+1"}) {
    const std::string message = refusal({"store", "dir", "-o", bad});
    CHECK_MESSAGE(names(message, std::string_view(bad).substr(0, std::string_view(bad).find('='))), message);
  }
}

TEST_CASE("an unknown option is refused by name, unless -s asks to be tolerant") {
  CHECK(names(refusal({"store", "dir", "-o", "ro,sideways"}), "'sideways'"));
  CHECK(names(refusal({"store", "dir", "-o", "color=blue"}), "'color=blue'"));
  CHECK(names(refusal({"store", "dir", "-q"}), "'-q'"));
  CHECK(names(refusal({"store", "dir", "--quick"}), "'--quick'"));
  CHECK(names(refusal({"store", "dir", "-osideways"}), "'sideways'"));
  CHECK(parse_mount_options({"store", "dir", "-o", "sideways,color=blue,ro", "-s"}).read_only);
  CHECK(parse_mount_options({"-so", "sideways,ro", "store", "dir"}).read_only);
  CHECK(names(refusal({"store", "dir", "-s", "-o", "uid=x"}), "uid"));
}

TEST_CASE("a remount is refused whatever stands beside it, and told what to do") {
  for (const char* options : {"remount", "ro,remount", "user_id=0,relatime,remount,hotsize=1"}) {
    try {
      (void)parse_mount_options({"store", "/mnt/kv", "-s", "-o", options});
      FAIL("it was accepted");
    } catch (const Error& error) {
      CHECK((error.code() == Errc::unsupported));
      CHECK(names(error.what(), "`umount /mnt/kv`"));
    }
  }
}

TEST_CASE("a mistyped option is told what was probably meant") {
  CHECK(refusal({"store", "dir", "-o", "hotsize=1G"}) ==
        "unknown option 'hotsize=1G'; did you mean 'hot_size'?: invalid argument");
  CHECK(names(refusal({"store", "dir", "-o", "noexce"}), "did you mean 'noexec'?"));
  CHECK(names(refusal({"store", "dir", "-o", "allow-other"}), "did you mean 'allow_other'?"));
  CHECK(names(refusal({"store", "dir", "-o", "no_fail"}), "did you mean 'nofail'?"));
  CHECK_FALSE(names(refusal({"store", "dir", "-o", "sideways"}), "mean"));
}

TEST_CASE("an option with a value needs it, and one without takes none") {
  CHECK(names(refusal({"store", "dir", "-o", "hot_size"}), "hot_size=N[KMGT]"));
  CHECK(names(refusal({"store", "dir", "-o", "ro=1"}), "'ro' takes no value"));
  CHECK(names(refusal({"store", "dir", "-o", "nosuid="}), "'nosuid' takes no value"));
}

TEST_CASE("a comma is part of a value behind a backslash and between quotes") {
  CHECK(with(R"(ro,hot=/a\,b c,threads=2)").hot_directory == "/a,b c");
  CHECK(with(R"(hot="/a,b",ro)").hot_directory == "/a,b");
  CHECK(with(R"(hot="/a,b",ro)").read_only);
  CHECK(with(R"(hot=/a\\,ro)").read_only);
  CHECK(with(R"(hot=/a\b)").hot_directory == R"(/a\b)");
  CHECK(with(R"(hot=/say \"x\")").hot_directory == R"(/say "x")");
  CHECK(names(refusal({"store", "dir", "-o", "ro,hot=\"/a,b"}), "quote"));
}

TEST_CASE("what mount(8) leaves in for others is taken with and without a value") {
  const MountOptions options = with(
      "rw,nofail,_netdev,user=joe,users,owner,group,x-systemd.requires=a.service,X-mount.mkdir,comment=my store,"
      "auto,noauto,defaults,relatime,strictatime,lazytime,silent,loud");
  CHECK(options.kernel_flags.empty());
  CHECK_FALSE(options.read_only);
}

TEST_CASE("what is given stands above defaults") {
  MountOptions defaults;
  defaults.read_only = true;
  defaults.threads = 7;
  const MountOptions options = parse_mount_options({"store", "dir", "-o", "rw"}, defaults);
  CHECK_FALSE(options.read_only);
  CHECK(options.threads == 7);
}

TEST_CASE("the namespace and the type come as mount(8) passes them") {
  const MountOptions options =
      parse_mount_options({"store", "dir", "-t", "fuse.pfcache", "-N", "/proc/1/ns/mnt", "-vtpfcache"});
  CHECK(options.mount_namespace == "/proc/1/ns/mnt");
  CHECK(options.is_verbose);
  CHECK(names(refusal({"store", "dir", "-t", "ext4"}), "'ext4'"));
  CHECK(names(refusal({"store", "dir", "-N"}), "-N"));
  CHECK(names(refusal({"store", "dir", "-N", ""}), "-N"));
}

TEST_CASE("flags of a mount helper may be given together") {
  const MountOptions options = parse_mount_options({"-sfnv", "store", "dir"});
  CHECK(options.is_fake);
  CHECK(options.is_verbose);
}

TEST_CASE("operands that miss or are too many are refused") {
  CHECK(names(refusal({}), "store"));
  CHECK(names(refusal({"store"}), "'store'"));
  CHECK(names(refusal({"store", "dir", "third"}), "'third'"));
  CHECK(names(refusal({"store", ""}), "empty"));
  CHECK(names(refusal({"store", "dir", "-o"}), "-o"));
}

TEST_CASE("after -- operands may begin with a dash") {
  const MountOptions options = parse_mount_options({"--", "-store", "-s"});
  CHECK(options.store == "-store");
  CHECK(options.directory == "-s");
}

TEST_CASE("help and version need nothing else") {
  CHECK(parse_mount_options({"-h"}).show_help);
  CHECK(parse_mount_options({"--help"}).show_help);
  CHECK(parse_mount_options({"-V"}).show_version);
  CHECK(parse_mount_options({"--version", "store"}).show_version);
}

TEST_CASE("security contexts keep their quotes, and the commas between them") {
  const MountOptions options = with(R"(context="system_u:object_r:tmp_t:s0:c127,c456",ro,rootcontext=a:b)");
  CHECK(options.security_contexts ==
        std::vector<std::string>{R"(context="system_u:object_r:tmp_t:s0:c127,c456")", "rootcontext=a:b"});
  CHECK(options.read_only);
}
