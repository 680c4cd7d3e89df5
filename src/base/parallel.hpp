// Doing the same to many things on many threads.
#pragma once

#include <cstddef>
#include <functional>
#include <stop_token>

namespace pfcache {

/// Calls `work(i)` once for each i in [0, count), on `threads` threads (0 = one a CPU; the caller's is one of them),
/// in about ascending order. The first exception ends the rest and is thrown again here, after all threads are done.
/// Throws: also Errc::interrupted when `stop` is requested before the last piece was begun.
void parallel_for(std::size_t count, unsigned threads, const std::stop_token& stop,
                  const std::function<void(std::size_t)>& work);

/// Throws Errc::interrupted when `stop` was requested.
void throw_if_stopped(const std::stop_token& stop);

/// `threads`, or the number of CPUs this process may use when it is 0.
[[nodiscard]] unsigned thread_count(unsigned threads) noexcept;

}  // namespace pfcache
