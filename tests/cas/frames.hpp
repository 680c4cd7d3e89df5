// zstd frames as others write them.
#pragma once

#include <zstd.h>

#include <memory>
#include <stdexcept>

#include "cas/samples.hpp"

namespace pfcache::test {

/// One frame of `count` pieces, all of them `piece`, written as a stream, so that it carries no content size.
inline Bytes streamed_frame(std::span<const std::byte> piece, std::size_t count = 1, int level = 3) {
  const std::unique_ptr<ZSTD_CCtx, std::size_t (*)(ZSTD_CCtx*)> encoder(ZSTD_createCCtx(), &ZSTD_freeCCtx);
  ZSTD_CCtx_setParameter(encoder.get(), ZSTD_c_compressionLevel, level);
  ZSTD_CCtx_setParameter(encoder.get(), ZSTD_c_contentSizeFlag, 0);
  Bytes frame;
  Bytes room(ZSTD_CStreamOutSize());
  for (std::size_t i = 0; i < count || i == 0; ++i) {
    const ZSTD_EndDirective directive = i + 1 >= count ? ZSTD_e_end : ZSTD_e_continue;
    ZSTD_inBuffer input{piece.data(), piece.size(), 0};
    std::size_t left = 0;
    do {
      ZSTD_outBuffer output{room.data(), room.size(), 0};
      left = ZSTD_compressStream2(encoder.get(), &output, &input, directive);
      if (ZSTD_isError(left) != 0) throw std::runtime_error(ZSTD_getErrorName(left));
      frame.insert(frame.end(), room.begin(), room.begin() + static_cast<std::ptrdiff_t>(output.pos));
    } while (directive == ZSTD_e_end ? left != 0 : input.pos < input.size);
  }
  return frame;
}

/// About 32 KB that decode to 1 GiB of zeros.
inline Bytes bomb() { return streamed_frame(Bytes(1 << 20), 1024); }

inline Bytes joined(std::initializer_list<Bytes> pieces) {
  Bytes all;
  for (const Bytes& piece : pieces) all.insert(all.end(), piece.begin(), piece.end());
  return all;
}

}  // namespace pfcache::test
