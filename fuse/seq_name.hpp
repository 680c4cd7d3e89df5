// The directory name of a sequence: its id, made safe.
#pragma once

#include <string>
#include <string_view>

namespace pfcache::fuse {

/// The id with every byte outside [A-Za-z0-9._-], and a leading dot, as `%` and two upper-case hex digits; `%` for the
/// empty id. A name that would be longer than a file name may be ends after at most 180 bytes and goes on with `%%` and
/// 16 hex digits of the id's SHA-256. No two ids have the same name (two long ones: the same 64 bits of SHA-256).
[[nodiscard]] std::string seq_directory_name(std::string_view id);

}  // namespace pfcache::fuse
