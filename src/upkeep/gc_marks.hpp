// Which blobs the roots of a store reach.
#pragma once

#include <cstdint>
#include <set>
#include <stop_token>
#include <string>
#include <unordered_set>

#include "cas/digest_set.hpp"
#include "pfcache/progress.hpp"
#include "pfcache/store.hpp"

namespace pfcache {

class GcMarks {
 public:
  /// REQUIRES: `store` outlives this object.
  GcMarks(const Store& store, std::stop_token stop) : store_(store), stop_(std::move(stop)) {}

  /// Marks what the roots reach that are there now. Manifests are immutable: those that an earlier call has read are
  /// not read again. `expired` are the names of staging directories that don't count. Throws: naming the manifest, ref
  /// or record that can't be read.
  void add_roots(const std::set<std::string>& expired, const OnProgress& on_progress = {});

  /// Marks what is reached by manifests that have no seal: reads every blob that is not marked.
  /// Throws: also Errc::damaged for a blob that can't be read, for it may be a manifest.
  void add_unsealed(const OnProgress& on_progress);

  [[nodiscard]] bool contains(const Digest& digest) const noexcept { return needed_.contains(digest); }
  [[nodiscard]] std::uint64_t blobs() const noexcept { return needed_.size(); }
  [[nodiscard]] std::uint64_t manifests() const noexcept { return manifests_.size(); }

 private:
  void add_seals(const OnProgress& on_progress);
  void add_refs();
  void add_records();
  void add_prompts();
  void add_staging(const std::set<std::string>& expired);
  void add_draft(const Directory& directory);
  void add_manifest(const Digest& digest, const std::string& root);
  void add_pages(const PageManifest& manifest);

  const Store& store_;
  std::stop_token stop_;
  DigestSet needed_;
  std::unordered_set<Digest> manifests_;  // that have been read
};

}  // namespace pfcache
