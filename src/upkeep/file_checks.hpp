// Checks of what a store keeps as files of its own, beside the blobs that snapshots are made of: prompts kept whole,
// and warm starts. Nothing is mended: what they were is known to nobody.
#pragma once

#include "pfcache/inspect.hpp"
#include "pfcache/store.hpp"

namespace pfcache {

/// Header, lengths and text of each, and the payload of those that have a checksum of it.
/// Throws: Errc::interrupted; system errors. Damage is reported, not thrown, here and below.
void check_whole_prompts(const Store& store, const VerifyOptions& options, VerifyReport& report);

/// The payload of each against its record. One whose payload is on its way, and one of an unknown schema, is passed
/// over.
void check_warm_starts(const Store& store, const VerifyOptions& options, VerifyReport& report);

}  // namespace pfcache
