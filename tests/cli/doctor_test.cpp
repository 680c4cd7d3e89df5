#include <doctest/doctest.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "cli/runner.hpp"

using namespace pfcache::test;
namespace fs = std::filesystem;

namespace {

constexpr const char* kRootStatus = "Name:\tpfcache\nCapEff:\t000001ffffffffff\n";
constexpr const char* kUserStatus = "Name:\tpfcache\nCapEff:\t0000000000000000\n";
constexpr const char* kLimits = "Limit   Soft Limit  Hard Limit  Units\nMax open files  1024  1048576  files\n";
constexpr const char* kMemory = "MemTotal:       16777216 kB\nMemAvailable:    8388608 kB\n";

/// A store, and a machine on which everything is well until a test says otherwise.
struct Patient {
  Runner runner;
  World world = {.is_root = true,
                 .root = runner.path(),
                 .programs = {{"mount.pfcache", "mount.pfcache 0.1.0 with libfuse 3.14.0\n"},
                              {"fusermount3", "fusermount3 version: 3.14.0\n"}}};

  Patient() {
    write("dev/fuse", "");
    write("proc/sys/kernel/osrelease", "6.18.5-amd64\n");
    write("proc/self/status", kRootStatus);
    write("proc/self/limits", kLimits);
    write("proc/self/mountinfo", "");
    write("proc/meminfo", kMemory);
    write("proc/locks", "");
    write("etc/fuse.conf", "# user_allow_other\n");
  }

  void write(const fs::path& name, const std::string& text) const {
    fs::create_directories(runner.path(name).parent_path());
    write_file(runner.path(name), text);
  }

  [[nodiscard]] Result examine() const { return runner.run({"doctor"}, world); }

  /// The line about `subject`.
  [[nodiscard]] std::string line(const std::string& subject) const {
    const std::string out = "\n" + examine().out;
    const std::size_t at = out.find(" " + subject + ": ");
    if (at == std::string::npos) return "";
    const std::size_t begin = out.rfind('\n', at) + 1;
    return out.substr(begin, out.find('\n', at) - begin);
  }
};

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("a machine on which all is well has no warnings") {
  const Patient patient;
  const Result result = patient.examine();
  CHECK(result.status == 0);
  CHECK_FALSE(has(result.out, "warning"));
  CHECK_FALSE(has(result.out, "try:"));
  CHECK(has(result.err, "0 problems, 0 warnings"));
  CHECK(patient.line("kernel") == "ok       kernel: 6.18.5-amd64");
  CHECK(has(patient.line("mount helper"), "libfuse 3.14.0"));
  CHECK(has(patient.line("passthrough"), "is possible"));
  CHECK(has(patient.line("memory"), "16.0 GiB, 8.0 GiB available"));
  CHECK(has(patient.line("open files"), "1048576 at most"));
  CHECK(has(patient.line("SHA-256"), "for one"));
}

TEST_CASE("doctor changes nothing in the store") {
  const Patient patient;
  const Runner copy;
  CHECK(same_trees(patient.runner.store(), copy.store()));
  CHECK(patient.examine().status == 0);
  CHECK(same_trees(patient.runner.store(), copy.store()));
}

TEST_CASE("without /dev/fuse nothing can be mounted") {
  const Patient patient;
  fs::remove(patient.runner.path("dev/fuse"));
  CHECK(patient.line("/dev/fuse").starts_with("problem "));
  CHECK(has(patient.line("/dev/fuse"), "; try: modprobe fuse"));
  CHECK(patient.examine().status == 1);
}

TEST_CASE("a kernel before 6.9 has no passthrough, which matters most where it is required") {
  Patient patient;
  patient.write("proc/sys/kernel/osrelease", "6.1.0-28-amd64\n");
  CHECK(
      patient.line("passthrough").starts_with("warning  passthrough: is not possible: kernel 6.1.0-28-amd64 is older"));
  CHECK(patient.examine().status == 0);
  patient.world.variables["PFCACHE_MOUNT_PASSTHROUGH"] = "require";
  CHECK(patient.line("passthrough").starts_with("problem "));
  CHECK(patient.examine().status == 1);
  patient.world.variables["PFCACHE_MOUNT_PASSTHROUGH"] = "off";
  CHECK(patient.line("passthrough").starts_with("ok "));
}

TEST_CASE("a user has no passthrough, and mounts through fusermount3") {
  Patient patient;
  patient.world.is_root = false;
  patient.write("proc/self/status", kUserStatus);
  CHECK(has(patient.line("passthrough"), "it takes CAP_SYS_ADMIN; try: mount as root"));
  CHECK(has(patient.line("capabilities"), "without CAP_SYS_ADMIN"));
  CHECK(patient.line("fusermount3").starts_with("ok "));
  CHECK(has(patient.line("fuse.conf"), "echo user_allow_other >> /etc/fuse.conf"));
  patient.write("etc/fuse.conf", "user_allow_other\n");
  CHECK(patient.line("fuse.conf").starts_with("ok "));
  patient.world.programs.erase("fusermount3");
  CHECK(has(patient.line("fusermount3"), "apt install fuse3"));
}

TEST_CASE("a mount helper that is not found is told of, and one in /usr/sbin is found") {
  Patient patient;
  patient.world.programs.clear();
  CHECK(patient.line("mount helper").starts_with("warning "));
  patient.world.programs["/usr/sbin/mount.pfcache"] = "mount.pfcache 9\n";
  CHECK(patient.line("mount helper") == "ok       mount helper: mount.pfcache 9");
}

TEST_CASE("hot pages that don't fit the memory, and few open files, are told of") {
  Patient patient;
  patient.world.variables["PFCACHE_MOUNT_HOT_SIZE"] = "9GiB";
  CHECK(has(patient.line("memory"), "mount.hot_size is 9.0 GiB; try: a smaller"));
  patient.world.variables["PFCACHE_MOUNT_HOT"] = "/var/hot";
  CHECK(patient.line("memory").starts_with("ok "));
  patient.write("proc/self/limits", "Max open files  1024  1024  files\n");
  CHECK(patient.line("open files").starts_with("warning "));
  patient.write("proc/self/limits", "Max open files  1024  unlimited  files\n");
  CHECK(patient.line("open files").starts_with("ok "));
}

TEST_CASE("a machine that says nothing about itself is no reason to fail") {
  const Patient patient;
  fs::remove_all(patient.runner.path("proc"));
  for (const char* subject : {"kernel", "passthrough", "memory", "open files"}) {
    CAPTURE(subject);
    CHECK(patient.line(subject).starts_with("warning "));
  }
  CHECK(patient.examine().status == 0);
}

TEST_CASE("what is wrong with the configuration is a problem, and doctor goes on") {
  const Patient patient;
  patient.write("etc/pfcache/config.toml", "[mount]\nhot_siez = 1\n");
  CHECK(has(patient.line("configuration"), "config.toml: line 2: unknown key 'mount.hot_siez'; did you mean"));
  CHECK(patient.line("store").starts_with("ok "));
  CHECK(patient.examine().status == 1);
}

TEST_CASE("variables that nobody reads are told of, with the near one") {
  Patient patient;
  patient.world.variables = {{"PFCACHE_GC_GRACE", "1h"}, {"HOME", "/nonexistent"}, {"XPFCACHE_GC", "1"}};
  CHECK(patient.line("environment").empty());
  patient.world.variables["PFCACHE_GC_GRASE"] = "1h";
  CHECK(patient.line("environment") ==
        "warning  environment: unknown variable 'PFCACHE_GC_GRASE'; did you mean 'PFCACHE_GC_GRACE'?; try: unset "
        "PFCACHE_GC_GRASE");
  patient.world.variables = {{"PFCACHE_SOMETHING_ELSE", ""}};
  CHECK(has(patient.line("environment"), "unknown variable 'PFCACHE_SOMETHING_ELSE'; try"));
  CHECK(patient.examine().status == 0);
}

TEST_CASE("without a store it says so") {
  Patient patient;
  patient.world.variables["PFCACHE_STORE"] = patient.runner.path("none");
  CHECK(patient.line("store").starts_with("warning  store: no store at "));
  CHECK(has(patient.line("store"), "; try: pfcache --store DIR init"));
  CHECK(patient.examine().status == 0);
  CHECK_FALSE(has(patient.examine().out, "disk space"));
}

TEST_CASE("a store that can't be opened is a problem") {
  const Patient patient;
  write_file(patient.runner.store() / "config.toml", "format = 2\n");
  CHECK(has(patient.line("store"), "newer than this version"));
  CHECK(patient.examine().status == 1);
}

TEST_CASE("what killed programs left is found once it is old") {
  const Patient patient;
  fs::create_directories(patient.runner.store() / "blobs/sha256/ab");
  const fs::path temp = patient.runner.store() / "blobs/sha256/ab/.tmp-0123456789abcdef";
  write_file(temp, "x");
  CHECK(patient.line("temp files").starts_with("ok "));
  fs::last_write_time(temp, fs::file_time_type::clock::now() - std::chrono::hours(2));
  CHECK(patient.line("temp files") == "warning  temp files: 1 file of programs that were killed; try: pfcache gc");
}

TEST_CASE("snapshots that stopped arriving are found by staging_keep") {
  Patient patient;
  const fs::path staged = patient.runner.store() / "staging/new/half";
  fs::create_directories(staged);
  CHECK(has(patient.line("staging"), "1 snapshot on the way in"));
  fs::last_write_time(staged, fs::file_time_type::clock::now() - std::chrono::hours(2));
  CHECK(patient.line("staging").starts_with("ok "));
  patient.world.variables["PFCACHE_STAGING_KEEP"] = "1h";
  CHECK(has(patient.line("staging"), "nobody touched for 1h; try: pfcache list --staging"));
}

TEST_CASE("since when there was no clean-up is told, and warned of after a month") {
  const Patient patient;
  const fs::path lock = patient.runner.store() / "lock";
  fs::remove(lock);
  CHECK(patient.line("clean-up") == "ok       clean-up: none yet");
  patient.runner.must({"capture", "synthetic:2:0"});
  const auto set_age = [&](std::chrono::hours age) {
    fs::last_write_time(lock, fs::file_time_type::clock::now() - age);
  };
  set_age(std::chrono::hours(24 * 29));
  CHECK(patient.line("clean-up").starts_with("ok       clean-up: none since 20"));
  set_age(std::chrono::hours(24 * 31));
  CHECK(patient.line("clean-up").starts_with("warning  clean-up: none since 20"));
  patient.runner.must({"gc", "--dry-run"});
  CHECK(patient.line("clean-up").starts_with("warning "));
  patient.runner.must({"capture", "synthetic:2:0"});
  CHECK(patient.line("clean-up").starts_with("warning "));
  patient.runner.must({"gc"});
  CHECK(patient.line("clean-up").starts_with("ok "));
}

TEST_CASE("who holds the lock is named") {
  const Patient patient;
  struct stat lock {};
  REQUIRE(::stat((patient.runner.store() / "lock").c_str(), &lock) == 0);
  const auto held = [&](const char* how) {
    patient.write("proc/locks", fmt::format("1: POSIX  ADVISORY  READ 1 00:01:7 0 EOF\n2: FLOCK  ADVISORY  {} 4711 "
                                            "{:02x}:{:02x}:{} 0 EOF\n",
                                            how, major(lock.st_dev), minor(lock.st_dev), lock.st_ino));
    return patient.line("lock");
  };
  CHECK(patient.line("lock") == "ok       lock: nobody holds it");
  CHECK(held("READ ") == "ok       lock: held by process 4711, which writes");
  CHECK(held("WRITE") == "ok       lock: held by process 4711, which cleans up");
}

TEST_CASE("mounts of the store are listed, and those of others are not") {
  const Patient patient;
  fs::create_directory(patient.runner.path("mnt"));
  patient.write(
      "proc/self/mountinfo",
      fmt::format("40 22 0:40 / {} ro - fuse.pfcache {} ro\n41 22 0:41 / /other ro - fuse.pfcache /srv/x ro\n",
                  patient.runner.path("mnt").native(), patient.runner.store().native()));
  CHECK(patient.line("mount") == "ok       mount: " + patient.runner.path("mnt").native());
  CHECK_FALSE(has(patient.examine().out, "/other"));
  fs::remove(patient.runner.path("mnt"));
  CHECK(patient.line("mount").starts_with("warning "));
}

TEST_CASE("doctor gives a record to programs") {
  const Patient patient;
  fs::remove(patient.runner.path("dev/fuse"));
  const Result result = patient.runner.run({"--json", "doctor"}, patient.world);
  CHECK(has(result.out, R"({"findings":[{"verdict":"ok","subject":"kernel","text":"6.18.5-amd64","fix":""},)"));
  CHECK(has(result.out, R"("problems":1,"warnings":0})"));
  CHECK(result.status == 1);
}
