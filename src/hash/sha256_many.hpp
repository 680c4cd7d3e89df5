// Many messages through a kernel with lanes. sha256_many() of the public header chooses the kernels; tests name them.
#pragma once

#include <span>
#include <vector>

#include "hash/sha256_kernels.hpp"
#include "pfcache/digest.hpp"

namespace pfcache {

/// Kernels that run on this CPU, widest first, those with one lane last.
[[nodiscard]] const std::vector<const Sha256Kernel*>& usable_sha256_kernels();

/// Fills `digests[i]` with the digest of `messages[i]`. `one` continues the last messages when so few are left that
/// most lanes would idle; null = libsodium does. REQUIRES: both spans have one length; the kernels are usable here.
void sha256_many_with(const Sha256Kernel& many, const Sha256Kernel* one,
                      std::span<const std::span<const std::byte>> messages, std::span<Digest> digests) noexcept;

}  // namespace pfcache
