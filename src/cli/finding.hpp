// What doctor finds out, a line each. Plain values and functions without shared state, for any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace pfcache::cli {

class Session;

enum class Verdict : std::uint8_t {
  ok,
  warning,  ///< it works, and not as well as it could
  problem,  ///< something does not work
};

struct Finding {
  Verdict verdict = Verdict::ok;
  std::string subject;   ///< `passthrough`
  std::string text;      ///< what was found
  std::string fix = {};  ///< what to try, a command where one helps; empty when there is nothing to do
};

using Findings = std::vector<Finding>;

/// Kernel, /dev/fuse, libfuse, who may mount, passthrough.
void examine_mounting(const Session& session, Findings& findings);

/// SHA-256 on this CPU, memory, open files.
void examine_resources(const Session& session, Findings& findings);

/// The files and variables that settings come from.
void examine_configuration(const Session& session, Findings& findings);

/// The store, its filesystem, what was left in it, its mounts. Writes nothing.
void examine_store(const Session& session, Findings& findings);

}  // namespace pfcache::cli
