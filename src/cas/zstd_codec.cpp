#include "cas/zstd_codec.hpp"

#include <fmt/format.h>
#include <zstd.h>
#include <zstd_errors.h>

#include <algorithm>
#include <memory>
#include <new>

#include "pfcache/error.hpp"

namespace pfcache {
namespace {

struct FreeContext {
  void operator()(ZSTD_CCtx* context) const noexcept { ZSTD_freeCCtx(context); }
  void operator()(ZSTD_DCtx* context) const noexcept { ZSTD_freeDCtx(context); }
};
using EncoderPtr = std::unique_ptr<ZSTD_CCtx, FreeContext>;
using DecoderPtr = std::unique_ptr<ZSTD_DCtx, FreeContext>;

DecoderPtr make_decoder() {
  DecoderPtr decoder(ZSTD_createDCtx());
  if (!decoder) throw std::bad_alloc();
  return decoder;
}

ZSTD_CCtx& thread_encoder() {
  thread_local const EncoderPtr encoder(ZSTD_createCCtx());
  if (!encoder) throw std::bad_alloc();
  return *encoder;
}

ZSTD_DCtx& thread_decoder() {
  thread_local const DecoderPtr decoder = make_decoder();
  return *decoder;
}

[[noreturn]] void throw_damaged(std::string_view path, std::string_view what) {
  throw Error(Errc::damaged, fmt::format("blob file '{}': {}", path, what));
}

[[noreturn]] void throw_undecodable(std::size_t code, std::string_view path) {
  if (ZSTD_getErrorCode(code) == ZSTD_error_memory_allocation) throw std::bad_alloc();
  throw_damaged(path, fmt::format("expected zstd frames, found: {}", ZSTD_getErrorName(code)));
}

// Nothing at all is not a frame, though the decoder takes it for zero of them.
void require_a_frame(std::span<const std::byte> stored, std::string_view path) {
  if (stored.empty()) throw_damaged(path, "expected zstd frames, found an empty file");
}

void require_encoded(std::size_t result) {
  if (ZSTD_isError(result) == 0) return;
  if (ZSTD_getErrorCode(result) == ZSTD_error_memory_allocation) throw std::bad_alloc();
  throw Error(Errc::invalid_argument, fmt::format("cannot compress: {}", ZSTD_getErrorName(result)));
}

void set_parameter(ZSTD_CCtx& encoder, ZSTD_cParameter parameter, int value) {
  require_encoded(ZSTD_CCtx_setParameter(&encoder, parameter, value));
}

void append_frame(ZSTD_CCtx& encoder, std::vector<std::byte>& out, std::span<const std::byte> plain) {
  const std::size_t before = out.size();
  out.resize(before + ZSTD_compressBound(plain.size()));
  const std::size_t result =
      ZSTD_compress2(&encoder, out.data() + before, out.size() - before, plain.data(), plain.size());
  require_encoded(result);
  out.resize(before + result);
}

}  // namespace

std::vector<std::byte> zstd_encode(std::span<const std::byte> plain, int level) {
  ZSTD_CCtx& encoder = thread_encoder();
  set_parameter(encoder, ZSTD_c_compressionLevel, level);
  set_parameter(encoder, ZSTD_c_literalCompressionMode, ZSTD_ps_auto);
  std::vector<std::byte> out;
  append_frame(encoder, out, plain);
  return out;
}

void append_zstd_literals(std::vector<std::byte>& out, std::span<const std::byte> plain) {
  // The fastest level, which finds next to no matches, and Huffman coding, which it would leave out by itself.
  constexpr int kNoMatchesLevel = -100;
  ZSTD_CCtx& encoder = thread_encoder();
  set_parameter(encoder, ZSTD_c_compressionLevel, kNoMatchesLevel);
  set_parameter(encoder, ZSTD_c_literalCompressionMode, ZSTD_ps_enable);
  append_frame(encoder, out, plain);
}

std::size_t zstd_literals_bytes(std::span<const std::byte> plain) {
  std::vector<std::byte> frame;
  append_zstd_literals(frame, plain);
  return frame.size();
}

std::uint64_t zstd_max_stored_bytes(std::uint64_t plain_bytes) noexcept {
  // Twice the worst case of one frame, and some: enough for any sensible number of concatenated frames.
  constexpr std::uint64_t kSlackBytes = 64 << 10;
  return 2 * (plain_bytes + plain_bytes / 128) + kSlackBytes;
}

void zstd_decode_into(std::span<const std::byte> stored, std::span<std::byte> out, std::string_view path) {
  require_a_frame(stored, path);
  std::byte nothing{};  // the decoder wants a place to write to even for no bytes
  std::byte* const to = out.empty() ? &nothing : out.data();
  // All frames in one call: it takes no memory, whatever window they declare, and writes nothing beyond `out`.
  const std::size_t result = ZSTD_decompressDCtx(&thread_decoder(), to, out.size(), stored.data(), stored.size());
  if (ZSTD_isError(result) != 0) {
    if (ZSTD_getErrorCode(result) == ZSTD_error_dstSize_tooSmall) {
      throw_damaged(path, fmt::format("expected {} bytes, found more", out.size()));
    }
    throw_undecodable(result, path);
  }
  if (result != out.size()) throw_damaged(path, fmt::format("expected {} bytes, found {}", out.size(), result));
}

std::vector<std::byte> zstd_decode(std::span<const std::byte> stored, std::uint64_t limit_bytes,
                                   std::string_view path) {
  require_a_frame(stored, path);
  // Not the thread's own decoder: what this one takes for a window is given back when it goes.
  const DecoderPtr decoder = make_decoder();
  ZSTD_DCtx_setParameter(decoder.get(), ZSTD_d_windowLogMax, kMaxWindowLog);

  constexpr std::uint64_t kFirstBytes = 64 << 10;
  // One byte of room beyond the limit tells a blob that fills it from one that exceeds it.
  const std::uint64_t room_bytes = limit_bytes + 1;
  std::vector<std::byte> out;
  ZSTD_inBuffer input{stored.data(), stored.size(), 0};
  ZSTD_outBuffer output{nullptr, 0, 0};
  while (true) {
    if (output.pos == output.size) {
      out.resize(std::min(room_bytes, std::max<std::uint64_t>(kFirstBytes, 2 * out.size())));
      output.dst = out.data();
      output.size = out.size();
    }
    const std::size_t result = ZSTD_decompressStream(decoder.get(), &output, &input);
    if (ZSTD_isError(result) != 0) {
      if (ZSTD_getErrorCode(result) == ZSTD_error_frameParameter_windowTooLarge) {
        throw Error(Errc::too_large,
                    fmt::format("blob file '{}': decoding it takes a window above 2^{} bytes", path, kMaxWindowLog));
      }
      throw_undecodable(result, path);
    }
    if (output.pos > limit_bytes) {
      throw Error(Errc::too_large,
                  fmt::format("blob file '{}': expected at most {} bytes, found more", path, limit_bytes));
    }
    if (input.pos < input.size) continue;
    if (result == 0) break;  // the frame ended, and all it holds is out
    if (output.pos < output.size) {
      throw_damaged(path, fmt::format("the last frame is cut short after {} bytes", output.pos));
    }
  }
  out.resize(output.pos);
  return out;
}

}  // namespace pfcache
