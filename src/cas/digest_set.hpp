// Very many digests, in 32 bytes each.
#pragma once

#include <cstddef>
#include <vector>

#include "pfcache/digest.hpp"

namespace pfcache {

/// Digests are added, then finish() is called, then it can be asked for them; and so on. Not thread-safe while it
/// changes.
class DigestSet {
 public:
  void insert(const Digest& digest);

  /// Makes what was inserted so far findable.
  void finish();

  /// REQUIRES: finish() was called after the last insert().
  [[nodiscard]] bool contains(const Digest& digest) const noexcept;

  /// REQUIRES: as contains().
  [[nodiscard]] std::size_t size() const noexcept { return sorted_.size(); }

 private:
  std::vector<Digest> sorted_;  // each once
  std::vector<Digest> fresh_;   // in the order of insertion
};

}  // namespace pfcache
