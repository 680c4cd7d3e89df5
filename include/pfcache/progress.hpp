// How far a long operation has come, told to whoever wants to show it.
//
// Options of operations that may take long have an OnProgress. It is called from the threads that do the work, after
// each group of blobs or so, but never by two of them at once for one operation; it should return soon, for the work
// waits. What it throws ends the operation. Nothing is told while an engine is paused for a mere copy of its pages.
//
// Example:
//
//   #include <pfcache/progress.hpp>
//   #include <pfcache/capture.hpp>
//   #include <pfcache/mem_blob_store.hpp>
//   #include <pfcache/synthetic_pager.hpp>
//   #include <iostream>
//
//   int main() {
//     pfcache::SyntheticCachePager pager({16, 2, 1, 64, pfcache::DType::bf16});
//     pager.populate_synthetic(2, 1);
//     pfcache::MemBlobStore blobs;
//     std::uint64_t stored_bytes = 0;
//     const auto listen = [&](const pfcache::ProgressEvent& event) {
//       if (event.phase == "store") stored_bytes = event.done;
//     };
//     pfcache::capture_cache(pager, blobs, {.on_progress = listen});
//     std::cout << stored_bytes << " bytes\n";  // prints 16384 bytes
//   }
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>

#pragma GCC visibility push(default)
namespace pfcache {

/// An operation goes through phases, one after the other, each of which counts from 0.
struct ProgressEvent {
  std::string_view phase;                   ///< one word for what is being done, `store` or `sweep`; a literal
  std::string_view noun = "byte";           ///< what `done` counts, in the singular; a literal
  std::uint64_t done = 0;                   ///< since the phase began; never less than in the event before
  std::optional<std::uint64_t> total = {};  ///< what `done` will be in the end, where that is known beforehand
};

using OnProgress = std::function<void(const ProgressEvent&)>;

}  // namespace pfcache
#pragma GCC visibility pop
