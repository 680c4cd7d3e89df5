// The SOURCE `synthetic:PAGES:SEED`: pages made from a seed, for tests, demos and measurements.
#pragma once

#include <memory>

#include "cli/command.hpp"
#include "cli/values.hpp"
#include "pfcache/capture.hpp"
#include "pfcache/synthetic_pager.hpp"

namespace pfcache::cli {

/// More pages than this are refused: their manifest would be above kMaxManifestBytes.
inline constexpr std::uint32_t kMaxSyntheticPages = std::uint32_t{1} << 20;

/// The geometry unless options say otherwise: that of pf-cache's own test vectors.
struct SyntheticShape {
  CacheMeta meta{4, 2, 2, 4, DType::bf16};
  SyntheticCachePager::Content content = SyntheticCachePager::Content::random;
  bool is_given = false;  ///< an option changed anything
};

/// Declares the options that fill `shape`.
void declare_shape(ArgumentTable& table, const std::shared_ptr<SyntheticShape>& shape);

/// Throws: Errc::too_large above kMaxSyntheticPages; as capture_cache.
CaptureResult capture_synthetic(const SyntheticSource& source, const SyntheticShape& shape, BlobStore& blobs,
                                const CaptureOptions& options);

}  // namespace pfcache::cli
