// What the store knows of a content, as extended attributes `user.pfcache.*`.
//
//   digest         manifest.json, snapshot directories, k/NNNN, v/NNNN: 64 hex digits
//   k_digest       pages/NNNN: the digest of K; v_digest: of V
//   encoding       of the blob; of a page's two, `planes2,planes2`
//   stored_bytes   on disk; of a snapshot directory: of all its blobs, each once, those it shares with others included
//   snapshots      pages/NNNN, k/NNNN, v/NNNN: how many sealed snapshots hold it
//
// They are there for those who ask by name and in no list: programs that copy what is listed must not find any.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "fuse/node.hpp"
#include "fuse/page_census.hpp"
#include "pfcache/store.hpp"

namespace pfcache::fuse {

/// Thread-safe.
class ContentXattrs {
 public:
  /// REQUIRES: `store` outlives this object.
  explicit ContentXattrs(const Store& store) : store_(store), census_(store) {}

  /// The text of an attribute; nothing when the node has none of this name, or nothing is known for it.
  /// Throws: system errors.
  [[nodiscard]] std::optional<std::string> find(const Node& node, std::string_view name);

 private:
  using Text = std::optional<std::string>;

  [[nodiscard]] Text digest(const Node& node);
  [[nodiscard]] Text k_digest(const Node& node);
  [[nodiscard]] Text v_digest(const Node& node);
  [[nodiscard]] Text encoding(const Node& node);
  [[nodiscard]] Text stored_bytes(const Node& node);
  [[nodiscard]] Text snapshots(const Node& node);

  struct Attribute {
    std::string_view name;  // after the prefix
    Text (ContentXattrs::*text)(const Node& node);
  };
  static const Attribute kAttributes[];

  const Store& store_;
  PageCensus census_;
};

}  // namespace pfcache::fuse
