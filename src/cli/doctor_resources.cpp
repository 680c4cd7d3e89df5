#include <fmt/format.h>

#include <charconv>

#include "cli/finding.hpp"
#include "cli/machine_files.hpp"
#include "cli/session.hpp"
#include "cli/text.hpp"
#include "pfcache/sha256.hpp"

namespace pfcache::cli {
namespace {

// Each hot page is an open file of the daemon; with fewer than this a few GiB of them are already too many.
constexpr std::uint64_t kEnoughFiles = 4096;

std::uint64_t leading_number(std::string_view text) {
  std::uint64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

Finding examine_hashing() {
  const Sha256Kernels kernels = sha256_kernels();
  const std::string text = fmt::format("{} for many messages at once, {} for one", kernels.many, kernels.one);
  return {Verdict::ok, "SHA-256", text};
}

Finding examine_memory(const Session& session) {
  const std::string info = read_machine_file(session.root() / "proc/meminfo");
  const std::uint64_t total_bytes = leading_number(field_of(info, "MemTotal").value_or("")) << 10;
  const std::uint64_t free_bytes = leading_number(field_of(info, "MemAvailable").value_or("")) << 10;
  if (total_bytes == 0) return {Verdict::warning, "memory", "its size is not known", "mount -t proc proc /proc"};
  std::string text = fmt::format("{}, {} available", human_bytes(total_bytes), human_bytes(free_bytes));
  const Config& config = session.any_config();
  if (!config.value(Setting::mount_hot_size).text) return {Verdict::ok, "memory", text};
  const std::uint64_t hot_bytes = config.size_bytes(Setting::mount_hot_size);
  text += fmt::format("; mount.hot_size is {}", human_bytes(hot_bytes));
  const bool fits = config.text(Setting::mount_hot) != "memory" || hot_bytes <= free_bytes;
  if (fits) return {Verdict::ok, "memory", text};
  return {Verdict::warning, "memory", text, "a smaller mount.hot_size, or mount.hot = \"DIR\""};
}

Finding examine_open_files(const Session& session) {
  const std::string limits = read_machine_file(session.root() / "proc/self/limits");
  const std::string field = field_of(limits, "Max open files").value_or("");
  const std::size_t hard = field.find_first_not_of(' ', field.find(' '));
  if (field.empty() || hard == std::string::npos) {
    return {Verdict::warning, "open files", "their limit is not known", "mount -t proc proc /proc"};
  }
  const std::string most = field.substr(hard, field.find(' ', hard) - hard);
  const std::string text = fmt::format("{} at most, of which each hot page takes one", most);
  if (most == "unlimited" || leading_number(most) >= kEnoughFiles) return {Verdict::ok, "open files", text};
  return {Verdict::warning, "open files", text, "LimitNOFILE= in the unit, or `hard nofile` in limits.conf"};
}

}  // namespace

void examine_resources(const Session& session, Findings& findings) {
  findings.push_back(examine_hashing());
  findings.push_back(examine_memory(session));
  findings.push_back(examine_open_files(session));
}

}  // namespace pfcache::cli
