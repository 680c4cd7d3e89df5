// What crashes could leave of recorded changes (support/recording_file_ops.hpp), one after the other.
#pragma once

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>

#include "support/recording_file_ops.hpp"

namespace pfcache::test {

struct CrashPoints {
  std::size_t first = 0;     ///< how many calls are made before the first of them; the last is after all calls
  std::uint64_t random = 1;  ///< how often each is tried with some of what was not synced
};

/// Has a look, `look(calls)`, at each thing that a crash after `calls` calls could leave, put together in `dest`: with
/// nothing that was not synced, with all of it, and with some.
template <typename Look>
void after_every_crash(const RecordingFileOps& ops, CrashPoints points, const std::filesystem::path& dest,
                       Look&& look) {
  for (std::size_t calls = points.first; calls <= ops.call_count(); ++calls) {
    const auto crash = [&](Crash variant, std::uint64_t seed) {
      CAPTURE(calls);
      CAPTURE(seed);
      INFO("the last call: " << (calls == 0 ? "none" : ops.describe(calls - 1)));
      ops.materialise(calls, variant, seed, dest);
      look(calls);
    };
    crash(Crash::drop_unsynced, 0);
    crash(Crash::keep_all, 0);
    for (std::uint64_t i = 0; i < points.random; ++i) crash(Crash::random, 1000 * calls + i);
  }
}

}  // namespace pfcache::test
