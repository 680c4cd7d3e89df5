// Changing the encoding of the blobs that a store holds, while it is in use.
//
// Identity does not depend on the encoding, so nothing that refers to a blob notices. Each blob is read, checked,
// encoded anew, written beside the old file, read back and compared; when that is durable under its own name, the old
// file goes. Readers find the one or the other. An interrupted repack goes on where it was when it is started again.
//
// Example:
//
//   #include <pfcache/repack.hpp>
//   #include <pfcache/store.hpp>
//   #include <iostream>
//
//   int main() {
//     pfcache::Store store = pfcache::Store::init("store");
//     const std::vector<std::byte> zeros(1000);
//     store.blobs().put(zeros);
//     const auto report = pfcache::repack_store(store, {.encoding = pfcache::EncodingPolicy::raw});
//     std::cout << report.converted << " blob, " << report.bytes_after << " bytes\n";  // prints 1 blob, 1000 bytes
//   }
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "pfcache/fs_blob_store.hpp"
#include "pfcache/progress.hpp"
#include "pfcache/store.hpp"

#pragma GCC visibility push(default)
namespace pfcache {

struct RepackOptions {
  /// What to convert to; nothing: what the store writes. `automatic` takes the width of a page's elements
  /// from the manifests of the sealed snapshots. A `.zst` is taken for what `zstd_19` makes, whatever its level.
  std::optional<EncodingPolicy> encoding = {};
  unsigned threads = 0;       ///< 0 = one a CPU
  std::stop_token stop = {};  ///< a request ends it with Errc::interrupted; what was converted stays so
  OnProgress on_progress = {};
};

struct RepackReport {
  std::uint64_t blobs = 0;          ///< in the store
  std::uint64_t converted = 0;      ///< written in another encoding, or again in place of a damaged file
  std::uint64_t files_removed = 0;  ///< the old encodings of these, and second encodings of others
  std::uint64_t bytes_before = 0;   ///< stored bytes of all blobs
  std::uint64_t bytes_after = 0;    ///< the same, afterwards
  std::vector<std::string>
      damage;  ///< a sentence for each blob or manifest that can't be read; blobs are left as they are
};

/// Converts every blob. A blob that is there in two encodings keeps one, an intact one. Memory: about 80 bytes a blob,
/// and 64 MiB or the largest blob a thread. Holds a WriterLease, so that no clean-up runs meanwhile. Throws: Errc::busy
/// while another repack runs; Errc::invalid_argument for an encoding that the store's profile excludes;
/// Errc::interrupted; system errors (ENOSPC, EROFS, …). Damage is reported, not thrown.
RepackReport repack_store(Store& store, const RepackOptions& options = {});

}  // namespace pfcache
#pragma GCC visibility pop
