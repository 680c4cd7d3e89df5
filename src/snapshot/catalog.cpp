#include "pfcache/catalog.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "base/directory.hpp"
#include "base/hex.hpp"
#include "pfcache/error.hpp"
#include "snapshot/seal_record.hpp"

namespace pfcache {
namespace {

const std::string kSnapshots = "snapshots";
const std::string kRefs = "refs";

constexpr std::size_t kMaxNameChars = 128;
constexpr std::size_t kMinPrefixChars = 8;
constexpr std::uint64_t kMaxRefBytes = 256;

/// The digest that a file of snapshots/ is named by; nothing for a file that has no business there.
std::optional<Digest> digest_of_file_name(std::string_view name) {
  return name.size() == Digest::kHexChars ? Digest::try_parse(name) : std::nullopt;
}

std::optional<Digest> parse_ref(std::string_view text) {
  if (text.ends_with('\n')) text.remove_suffix(1);
  return digest_of_file_name(text);
}

void require_valid_name(std::string_view name) {
  if (is_valid_name(name)) return;
  constexpr std::size_t kMaxQuoted = 150;
  throw Error(
      Errc::invalid_argument,
      fmt::format("'{}' can't be a name: expected 1 to {} of A-Z a-z 0-9 . _ -, no dot in front, and not 64 hex "
                  "digits",
                  name.substr(0, kMaxQuoted), kMaxNameChars));
}

}  // namespace

bool is_valid_name(std::string_view name) noexcept {
  const auto is_allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
           c == '-';
  };
  if (name.empty() || name.size() > kMaxNameChars || name.front() == '.') return false;
  if (!std::all_of(name.begin(), name.end(), is_allowed)) return false;
  return !digest_of_file_name(name);
}

struct Catalog::Impl {
  Directory root;

  [[nodiscard]] std::optional<Directory> snapshots() const { return root.find_directory(kSnapshots); }
  [[nodiscard]] std::optional<Directory> refs() const { return root.find_directory(kRefs); }
};

Catalog::Catalog(const Directory& root) : impl_(std::make_unique<Impl>(Impl{root.duplicate()})) {}
Catalog::~Catalog() = default;
Catalog::Catalog(Catalog&&) noexcept = default;
Catalog& Catalog::operator=(Catalog&&) noexcept = default;

void Catalog::seal(const Digest& digest, const SealRecord& record) {
  const Directory directory = impl_->root.make_directory(kSnapshots);
  if (directory.has(digest.hex())) {
    // Whoever sealed it may have died, or be still on the way, between the rename and its sync.
    directory.sync();
    return;
  }
  // Two processes may both come here with the same digest: then the later record stays, and both are true.
  directory.publish_file(digest.hex(), to_json(record));
}

// One system call: a mount asks for each path that is looked up in a snapshot.
bool Catalog::contains(const Digest& digest) const { return impl_->root.has(kSnapshots + '/' + digest.hex()); }

std::optional<SealRecord> Catalog::find(const Digest& digest) const {
  const auto directory = impl_->snapshots();
  if (!directory) return std::nullopt;
  const std::string name = digest.hex();
  try {
    const auto json = directory->read_file(name, kMaxSealRecordBytes);
    if (!json) return std::nullopt;
    return parse_seal_record(*json, directory->path_of(name));
  } catch (const Error&) {
    // Damaged, or of a later version: the snapshot is sealed all the same.
    if (directory->has(name)) return SealRecord{};
    return std::nullopt;
  }
}

std::vector<Digest> Catalog::snapshots() const {
  std::vector<Digest> digests;
  const auto directory = impl_->snapshots();
  if (!directory) return digests;
  for (const std::string& name : directory->names()) {
    if (const auto digest = digest_of_file_name(name)) digests.push_back(*digest);
  }
  std::sort(digests.begin(), digests.end());
  return digests;
}

void Catalog::set_pinned(const Digest& digest, bool pinned) {
  auto record = find(digest);
  if (!record) throw Error(Errc::not_found, fmt::format("no sealed snapshot {}", digest.hex()));
  record->pinned = pinned;
  impl_->root.make_directory(kSnapshots).publish_file(digest.hex(), to_json(*record));
}

bool Catalog::remove(const Digest& digest) {
  const auto directory = impl_->snapshots();
  return directory && directory->remove_file(digest.hex());
}

void Catalog::set_ref(std::string_view name, const Digest& digest) {
  require_valid_name(name);
  if (!contains(digest)) {
    throw Error(Errc::not_found, fmt::format("no sealed snapshot {} that could be named '{}'", digest.hex(), name));
  }
  // The snapshot may be removed right now. The ref then dangles, which readers see as a snapshot that is not there,
  // until it is set again or removed.
  impl_->root.make_directory(kRefs).publish_file(std::string(name), digest.hex() + "\n");
}

void Catalog::move_ref(std::string_view from, std::string_view to, bool may_replace) {
  require_valid_name(to);
  if (!ref(from)) throw Error(Errc::not_found, fmt::format("no name '{}'", from));
  if (from == to) return;
  const Directory directory = impl_->root.make_directory(kRefs);
  if (!may_replace && directory.has(std::string(to))) throw Error(Errc::already_exists, fmt::format("name '{}'", to));
  if (directory.ops().rename(directory.fd(), std::string(from).c_str(), directory.fd(), std::string(to).c_str()) != 0) {
    throw Error::from_last_errno(fmt::format("cannot rename '{}' to '{}'", directory.path_of(from), to));
  }
  directory.sync();
}

std::optional<Digest> Catalog::ref(std::string_view name) const {
  if (!is_valid_name(name)) return std::nullopt;
  const auto directory = impl_->refs();
  if (!directory) return std::nullopt;
  const auto text = directory->read_file(std::string(name), kMaxRefBytes);
  if (!text) return std::nullopt;
  if (const auto digest = parse_ref(*text)) return digest;
  throw Error(Errc::malformed, fmt::format("ref '{}': expected 64 hex digits and a newline, found {} bytes that aren't",
                                           directory->path_of(name), text->size()));
}

bool Catalog::remove_ref(std::string_view name) {
  if (!is_valid_name(name)) return false;
  const auto directory = impl_->refs();
  return directory && directory->remove_file(std::string(name));
}

std::vector<Ref> Catalog::refs() const {
  std::vector<Ref> refs;
  const auto directory = impl_->refs();
  if (!directory) return refs;
  for (std::string& name : directory->names()) {
    if (!is_valid_name(name)) continue;
    try {
      if (const auto digest = ref(name)) refs.push_back({std::move(name), *digest});
    } catch (const Error& error) {
      // No ref: damaged, huge, or a directory. What the system can't read is another matter.
      if (error.code().category() != error_category()) throw;
    }
  }
  std::sort(refs.begin(), refs.end(), [](const Ref& a, const Ref& b) { return a.name < b.name; });
  return refs;
}

namespace {

[[noreturn]] void refuse_ambiguous(std::string_view prefix, const std::vector<Digest>& candidates) {
  constexpr std::size_t kMaxShown = 5;
  std::vector<std::string> shown;
  for (std::size_t i = 0; i < std::min(kMaxShown, candidates.size()); ++i) shown.push_back(candidates[i].hex());
  throw Error(Errc::invalid_argument, fmt::format("'{}' fits {} snapshots: {}{}", prefix, candidates.size(),
                                                  fmt::join(shown, ", "), candidates.size() > kMaxShown ? ", …" : ""));
}

[[noreturn]] void refuse_unknown(std::string_view text) {
  constexpr std::size_t kMaxQuoted = 150;
  const bool is_short = is_hex(text) && text.size() < kMinPrefixChars;
  throw Error(Errc::not_found,
              fmt::format("no snapshot or name '{}'{}; `pfcache list` shows what there is", text.substr(0, kMaxQuoted),
                          is_short ? fmt::format(" (a prefix needs {} digits or more)", kMinPrefixChars) : ""));
}

}  // namespace

Digest Catalog::resolve(std::string_view text) const {
  if (const auto digest = Digest::try_parse(text)) return *digest;
  if (const auto digest = ref(text)) return *digest;
  if (!is_hex(text) || text.size() < kMinPrefixChars) refuse_unknown(text);
  std::vector<Digest> candidates;
  for (const Digest& digest : snapshots()) {
    if (digest.hex().starts_with(text)) candidates.push_back(digest);
  }
  if (candidates.empty()) refuse_unknown(text);
  if (candidates.size() > 1) refuse_ambiguous(text, candidates);
  return candidates.front();
}

}  // namespace pfcache
