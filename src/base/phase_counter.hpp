// Counting what many threads do in one phase of an operation, for an OnProgress. Thread-safe.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <string_view>

#include "pfcache/progress.hpp"

namespace pfcache {

class PhaseCounter {
 public:
  /// Tells that the phase begins. `listener` may be empty: then nothing is counted. REQUIRES: it outlives this object.
  /// Throws: as the listener, here and in add().
  PhaseCounter(const OnProgress& listener, const ProgressEvent& beginning) : listener_(listener), now_(beginning) {
    if (listener_) listener_(now_);
  }

  void add(std::uint64_t amount) {
    if (!listener_) return;
    const std::scoped_lock lock(mutex_);
    now_.done += amount;
    listener_(now_);
  }

 private:
  const OnProgress& listener_;
  std::mutex mutex_;
  ProgressEvent now_;  // guarded by mutex_
};

}  // namespace pfcache
