#include "cas/blob_repack.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>

#include "base/parallel.hpp"
#include "cas/scratch.hpp"
#include "pfcache/error.hpp"
#include "pfcache/sha256.hpp"

namespace pfcache {
namespace {

// Blobs whose new files are synced together, and at most this many bytes of them: what an interruption loses.
constexpr std::size_t kWindowBlobs = 4096;
constexpr std::uint64_t kWindowBytes = std::uint64_t{256} << 20;
// Blobs that a thread hashes side by side, and about how many plain bytes of them it holds.
constexpr std::size_t kGroupBlobs = 16;
constexpr std::uint64_t kGroupBytes = std::uint64_t{32} << 20;

constexpr std::uint8_t bit(Encoding encoding) noexcept {
  return static_cast<std::uint8_t>(1U << static_cast<unsigned>(encoding));
}

std::uint32_t element_bytes_of(Encoding encoding) noexcept {
  switch (encoding) {
    case Encoding::planes2: return 2;
    case Encoding::planes4: return 4;
    default: return 1;
  }
}

}  // namespace

BlobRepackReport BlobRepack::run() {
  std::vector<Stock> stock = take_stock();
  report_.blobs = stock.size();
  for (const Stock& each : stock) report_.bytes_before += each.stored_bytes;
  report_.bytes_after = report_.bytes_before;
  std::erase_if(stock, [this](const Stock& each) { return is_done(each); });
  std::uint64_t total_bytes = 0;
  for (const Stock& each : stock) total_bytes += each.stored_bytes;
  PhaseCounter read(options_.on_progress, {.phase = "convert", .total = total_bytes});
  std::span<const Stock> rest(stock);
  while (!rest.empty()) {
    std::size_t count = 0;
    for (std::uint64_t bytes = 0; count < std::min(rest.size(), kWindowBlobs) && bytes < kWindowBytes; ++count) {
      bytes += rest[count].stored_bytes;
    }
    convert_window(rest.first(count), read);
    rest = rest.subspan(count);
  }
  std::ranges::sort(report_.damage);
  return std::move(report_);
}

std::vector<BlobRepack::Stock> BlobRepack::take_stock() {
  std::vector<Stock> all;
  for (std::size_t shard = 0; shard < kShards; ++shard) {
    throw_if_stopped(options_.stop);
    const Directory* directory = directories_.find(shard);
    if (directory == nullptr) continue;
    std::map<Digest, Stock> found;
    for (const std::string& name : directory->names()) {
      const auto parsed = parse_blob_file_name(name);
      if (!parsed || shard_of(parsed->digest) != shard) continue;
      const auto stored_bytes = find_regular_file(*directory, name);
      if (!stored_bytes) continue;
      Stock& stock = found[parsed->digest];
      stock.digest = parsed->digest;
      stock.encodings = static_cast<std::uint8_t>(stock.encodings | bit(parsed->encoding));
      stock.stored_bytes += *stored_bytes;
    }
    for (const auto& [digest, stock] : found) all.push_back(stock);
  }
  return all;
}

// What the name alone shows to be as it should be, so that a run that goes on needn't read it again.
bool BlobRepack::is_done(const Stock& stock) const {
  switch (options_.policy) {
    case EncodingPolicy::raw: return stock.encodings == bit(Encoding::raw);
    case EncodingPolicy::zstd_19: return stock.encodings == bit(Encoding::zstd);
    case EncodingPolicy::automatic: break;
  }
  const auto width = options_.element_bytes(stock.digest);
  if (stock.encodings == bit(Encoding::planes2)) return width.value_or(2) == 2;
  if (stock.encodings == bit(Encoding::planes4)) return width.value_or(4) == 4;
  return false;
}

void BlobRepack::convert_window(std::span<const Stock> window, PhaseCounter& read) {
  const std::size_t groups = (window.size() + kGroupBlobs - 1) / kGroupBlobs;
  parallel_for(groups, options_.threads, options_.stop, [&](std::size_t group) {
    const std::size_t first = group * kGroupBlobs;
    const auto blobs = window.subspan(first, std::min(kGroupBlobs, window.size() - first));
    convert_group(blobs);
    std::uint64_t bytes = 0;
    for (const Stock& each : blobs) bytes += each.stored_bytes;
    read.add(bytes);
  });
  publish_window();
}

void BlobRepack::convert_group(std::span<const Stock> group) {
  std::vector<Source> sources;
  std::uint64_t plain_bytes = 0;
  const auto convert_all = [&] {
    check(sources);
    for (const Source& source : sources) convert(source);
    sources.clear();
    plain_bytes = 0;
  };
  for (const Stock& stock : group) {
    std::string reason;
    auto source = read(stock, reason);
    if (!source) {
      if (!reason.empty()) note_damage(stock, reason);
      continue;
    }
    plain_bytes += source->plain.size();
    sources.push_back(std::move(*source));
    if (plain_bytes >= kGroupBytes) convert_all();
  }
  convert_all();
}

// The first file that decodes; nothing, with the last reason, when none does.
std::optional<BlobRepack::Source> BlobRepack::read(const Stock& stock, std::string& reason) {
  for (const Codec& codec : codecs()) {
    if ((stock.encodings & bit(codec.encoding)) == 0) continue;
    if (auto source = read_as(stock, codec.encoding, reason)) return source;
  }
  return std::nullopt;
}

std::optional<BlobRepack::Source> BlobRepack::read_as(const Stock& stock, Encoding encoding, std::string& reason) {
  const Directory* shard = directories_.find(shard_of(stock.digest));
  const Codec& codec = codec_of(encoding);
  const auto file = open_stored_file(*shard, blob_file_name(stock.digest, codec));
  if (!file) return std::nullopt;
  try {
    return Source{&stock, encoding, codec.decode(*file, kMaxBlobBytes)};
  } catch (const Error& error) {
    if (error.code() != Errc::damaged && error.code() != Errc::too_large) throw;
    reason = error.what();
    return std::nullopt;
  }
}

// Leaves those whose bytes are what their names say, for which other encodings are tried.
void BlobRepack::check(std::vector<Source>& sources) {
  std::vector<std::span<const std::byte>> messages;
  for (const Source& source : sources) messages.emplace_back(source.plain);
  std::vector<Digest> digests(messages.size());
  sha256_many(messages, digests);
  for (std::size_t i = 0; i < sources.size(); ++i) {
    if (digests[i] == sources[i].stock->digest) continue;
    const Stock& stock = *sources[i].stock;
    std::string reason = fmt::format("expected SHA-256 {}, found {}", stock.digest.hex(), digests[i].hex());
    std::optional<Source> other;
    for (const Codec& codec : codecs()) {
      if (other || codec.encoding == sources[i].encoding || (stock.encodings & bit(codec.encoding)) == 0) continue;
      other = read_as(stock, codec.encoding, reason);
      if (other && sha256(other->plain) != stock.digest) other.reset();
    }
    if (!other) note_damage(stock, reason);
    sources[i] = other ? std::move(*other) : Source{nullptr, {}, {}};
  }
  std::erase_if(sources, [](const Source& source) { return source.stock == nullptr; });
}

void BlobRepack::convert(const Source& source) {
  const Stock& stock = *source.stock;
  const BlobHint hint{options_.element_bytes(stock.digest).value_or(element_bytes_of(source.encoding))};
  const EncodedBlob blob = encode_blob(source.plain, options_.policy, hint);
  const Encoding wanted = blob.encoding();
  const bool is_there = wanted == source.encoding || ((stock.encodings & bit(wanted)) != 0 && holds(source, wanted));
  if (!is_there) write(source, blob);
  if (!is_there || stock.encodings != bit(wanted)) doom_others(stock, wanted, !is_there);
}

bool BlobRepack::holds(const Source& source, Encoding encoding) const {
  const Codec& codec = codec_of(encoding);
  const Directory* shard = directories_.find(shard_of(source.stock->digest));
  const auto file = open_stored_file(*shard, blob_file_name(source.stock->digest, codec));
  return file && file_holds(codec, *file, source.plain);
}

void BlobRepack::write(const Source& source, const EncodedBlob& blob) {
  const Digest& digest = source.stock->digest;
  const Codec& codec = codec_of(blob.encoding());
  const Directory& directory = directories_.make(shard_of(digest));
  PendingFile file(directory);
  file.write(blob.bytes());
  // What is about to replace the only copy is read back first.
  const StoredFile written{
      UniqueFd(::fcntl(file.fd(), F_DUPFD_CLOEXEC, 0)), blob.bytes().size(), directory.path_of(digest.hex()), {}};
  if (!written.fd) throw Error::from_last_errno("cannot duplicate a descriptor");
  if (!file_holds(codec, written, source.plain)) {
    throw Error(Errc::damaged, fmt::format("blob {}: what was written does not read back", digest.hex()));
  }
  PendingBlob pending = finish_writing(std::move(file), blob_file_name(digest, codec));
  const std::scoped_lock lock(mutex_);
  pending_.push_back(std::move(pending));
  touched_.set(shard_of(digest));
  ++report_.converted;
  report_.bytes_after += blob.bytes().size();
}

void BlobRepack::doom_others(const Stock& stock, Encoding kept, bool was_written) {
  const std::size_t shard = shard_of(stock.digest);
  const std::scoped_lock lock(mutex_);
  touched_.set(shard);  // the one kept may be somebody's who has not synced its name yet
  for (const Codec& codec : codecs()) {
    if ((stock.encodings & bit(codec.encoding)) == 0) continue;
    const std::string name = blob_file_name(stock.digest, codec);
    const std::uint64_t stored_bytes = find_regular_file(*directories_.find(shard), name).value_or(0);
    if (codec.encoding != kept) {
      doomed_.push_back({shard, name, stored_bytes});
    } else if (was_written) {
      report_.bytes_after -= stored_bytes;  // a damaged one, to be replaced under its own name
    }
  }
}

void BlobRepack::note_damage(const Stock& stock, const std::string& reason) {
  const std::scoped_lock lock(mutex_);
  report_.damage.push_back(fmt::format("blob {}: {}", stock.digest.hex(), reason));
}

void BlobRepack::publish_window() {
  const std::scoped_lock lock(mutex_);
  publish_blobs(directories_, pending_, touched_);
  for (const Doomed& doomed : doomed_) {
    const Directory& shard = *directories_.find(doomed.shard);
    // Not synced: a file that a crash brings back is a second encoding, and intact.
    if (shard.ops().unlink(shard.fd(), doomed.name.c_str(), 0) != 0) {
      if (errno == ENOENT) continue;
      throw Error::from_last_errno(fmt::format("cannot remove '{}'", shard.path_of(doomed.name)));
    }
    ++report_.files_removed;
    report_.bytes_after -= doomed.stored_bytes;
  }
  pending_.clear();
  doomed_.clear();
  touched_.reset();
}

}  // namespace pfcache
