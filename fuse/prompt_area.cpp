#include "fuse/prompt_area.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

#include "fuse/operations.hpp"
#include "fuse/recipe_file.hpp"
#include "pfcache/error.hpp"

namespace pfcache::fuse {
namespace {

constexpr unsigned kNoReplace = 1;  // RENAME_NOREPLACE

[[noreturn]] void refuse(int errnum, const std::string& what) { throw Error::from_errno(errnum, what); }

// The entry that a name under the mount is; nothing for others, recipes included: none is seen as one.
std::optional<PromptName> entry_at(const MirrorPlace& place) {
  const auto name = place.depth() == 1 ? PromptName::parse(place.names[0]) : std::nullopt;
  return name && name->form == PromptForm::whole ? name : std::nullopt;
}

bool is_in_flight(const MirrorPlace& place) { return place.depth() == 1 && is_prompt_temp_name(place.names[0]); }

PromptName recipe_of(const PromptName& name) { return {name.key, PromptForm::recipe}; }

// What a file says of itself; nothing for one that is no entry.
std::optional<PromptInfo> try_read_info(int fd, const PromptName& name, const MirrorPlace& place) {
  try {
    return read_prompt_info(fd, name, place.path());
  } catch (const Error&) {
    return std::nullopt;
  }
}

MirrorPlace place_of_real(const PromptName& name) { return {MirrorArea::prompt, {name.file_name()}}; }

// The form that an entry has in the store; nothing when it has none. A whole file comes before a recipe.
std::optional<PromptName> find_real(const FileSystem& fs, const PromptName& name) {
  for (const PromptName& real : {name, recipe_of(name)}) {
    if (fs.writes.files.find(place_of_real(real))) return real;
  }
  return std::nullopt;
}

std::optional<PromptInfo> read_info_of(const FileSystem& fs, const PromptName& real) {
  const MirrorPlace place = place_of_real(real);
  return try_read_info(fs.writes.files.open_file(place, O_RDONLY).get(), real, place);
}

bool is_within_payload(const PromptInfo& info, const FileRange& range) {
  const std::uint64_t begin = info.payload_offset();
  return range.end > begin && range.begin < begin + info.header.payload_bytes;
}

bool is_within_text(const PromptInfo& info, const FileRange& range) {
  return range.end > kPromptHeaderBytes && range.begin < info.payload_offset();
}

bool have_same_payload(const PromptInfo& a, const std::optional<PromptInfo>& b) {
  return b && a.payload_offset() == b->payload_offset() && a.header.payload_bytes == b->header.payload_bytes;
}

// What isn't what its name says is no message; only what can't be read of it would be damage of the store.
int errno_for(const Error& error) {
  const bool is_none = error.code() == Errc::damaged || error.code() == Errc::unsupported;
  return is_none ? EBADMSG : errno_of(error.code());
}

// Checked before anybody sees it under its name, and on disk before it has it.
void require_entry(FileSystem& fs, const MirrorPlace& from, const PromptName& name, std::uint64_t budget_bytes) {
  const UniqueFd file = fs.writes.files.open_file(from, O_RDONLY);
  try {
    const PromptInfo info = validate_prompt_file(file.get(), name, from.path());
    if (info.charged_bytes() > budget_bytes) {
      throw Error(Errc::too_large,
                  fmt::format("{} bytes never fit a budget of {}", info.charged_bytes(), budget_bytes));
    }
  } catch (const Error& error) {
    fs.log.tell(fmt::format("{} can't be {}: {}", from.path(), name.file_name(), error.what()));
    refuse(errno_for(error), from.path());
  }
  if (::fdatasync(file.get()) != 0) throw Error::from_last_errno(from.path());
}

struct Field {
  std::string_view name;
  std::string (*text)(const PromptInfo& info);
};

constexpr std::array kFields = {
    Field{"tokens", [](const PromptInfo& info) { return std::to_string(info.header.token_count); }},
    Field{"hits", [](const PromptInfo& info) { return std::to_string(info.header.hit_count); }},
    Field{"ctx", [](const PromptInfo& info) { return std::to_string(info.header.ctx_size); }},
    Field{"reason", [](const PromptInfo& info) { return std::string(name_of(info.header.reason)); }},
    Field{"quant", [](const PromptInfo& info) { return std::to_string(info.header.quant_bits); }},
    Field{"ext", [](const PromptInfo& info) { return std::to_string(info.header.ext_flags); }},
    Field{"model_id", [](const PromptInfo& info) { return std::to_string(info.header.model_id); }},
    Field{"created", [](const PromptInfo& info) { return std::to_string(info.header.created_unix_secs); }},
    Field{"last_used", [](const PromptInfo& info) { return std::to_string(info.header.last_used_unix_secs); }},
    Field{"text_bytes", [](const PromptInfo& info) { return std::to_string(info.header.text_bytes); }},
    Field{"payload_bytes", [](const PromptInfo& info) { return std::to_string(info.header.payload_bytes); }},
    Field{"trailer_bytes", [](const PromptInfo& info) { return std::to_string(info.trailer_bytes); }},
    Field{"form",
          [](const PromptInfo& info) { return std::string(info.name.form == PromptForm::whole ? "kv" : "kvd"); }},
};

}  // namespace

void PromptArea::require_makeable(const MirrorPlace& place, mode_t type) const {
  if (type != S_IFREG) refuse(EPERM, place.path());
  if (is_in_flight(place)) return;
  if (entry_at(place)) refuse(EPERM, fmt::format("{}: an entry comes by a rename", place.path()));
  refuse(EINVAL, fmt::format("'{}' is neither a prompt nor on its way to be one", place.path()));
}

bool PromptArea::is_shown(const MirrorPlace& place) const { return entry_at(place) || is_in_flight(place); }

void PromptArea::before_change(FileSystem& /*fs*/, fuse_req_t /*req*/, const MirrorPlace& /*directory*/) {
  static_cast<void>(cache());
}

// What has an entry's name is one: it can be cut, and lengthened, behind its payload only.
void PromptArea::before_truncation(FileSystem& fs, const MirrorPlace& place, std::uint64_t size_bytes) {
  const auto name = entry_at(place);
  const auto real = name ? find_real(fs, *name) : std::nullopt;
  if (!real) return;
  const auto info = read_info_of(fs, *real);
  if (!info || size_bytes < info->payload_offset() + info->header.payload_bytes) {
    refuse(EPERM, fmt::format("{}: {} bytes are not all of its payload", place.path(), size_bytes));
  }
  require_fit(place, size_bytes);
}

// Before it is done: what had grown above the budget could only be thrown away.
void PromptArea::require_fit(const MirrorPlace& place, std::uint64_t size_bytes) const {
  if (size_bytes <= limits_.budget_bytes) return;
  refuse(EFBIG, fmt::format("{}: {} bytes never fit a budget of {}", place.path(), size_bytes, limits_.budget_bytes));
}

// The header and the text have no checksum, and who scans all files for them must not have all payloads hashed.
void PromptArea::before_read(FileSystem& fs, const MirrorPlace& place, int fd, std::uint64_t end) {
  const auto name = entry_at(place);
  if (!name || is_verified(fd)) return;
  const auto info = try_read_info(fd, *name, place);
  if (!info || end <= info->payload_offset()) return;
  const FileStamp before = FileStamp::of(fd);
  try {
    static_cast<void>(verify_prompt_payload(fd, *info, place.path()));
  } catch (const Error& error) {
    fs.log.tell(error.what());
    refuse(EIO, place.path());
  }
  if (FileStamp::of(fd) == before) note_verified(fd);
}

// The checksum goes before the payload changes, and stays when it doesn't: what was checked then still is.
void PromptArea::change(FileSystem& /*fs*/, const MirrorPlace& place, int fd, const FileRange& range,
                        const std::function<void()>& make) {
  const auto name = entry_at(place);
  if (!name) return make();
  if (range.end != FileRange::kToTheEnd) require_fit(place, range.end);
  const auto info = try_read_info(fd, *name, place);
  const bool was_verified = is_verified(fd);
  const bool keeps_payload = info && !is_within_payload(*info, range);
  std::unique_lock lock(payload_lock(*name), std::defer_lock);
  if (!keeps_payload) lock.lock();
  forget_verified(fd);
  if (!keeps_payload) drop_prompt_checksum(fd, place.path());
  make();
  const auto now = try_read_info(fd, *name, place);
  if (!keeps_payload || !have_same_payload(*info, now)) {
    drop_prompt_checksum(fd, place.path());
    note_changed(place.names[0]);
  } else {
    if (was_verified) note_verified(fd);
    if (now->file_bytes != info->file_bytes || is_within_text(*info, range)) note_changed(place.names[0]);
  }
}

void PromptArea::after_flush(FileSystem& fs, const MirrorPlace& place) {
  const auto name = entry_at(place);
  if (!name) return;
  {
    const std::scoped_lock lock(mutex_);
    if (changed_.erase(place.names[0]) == 0) return;
  }
  adopt(fs, find_real(fs, *name).value_or(*name));
}

void PromptArea::adopt(FileSystem& fs, const PromptName& name) {
  // A write through another descriptor must not come between the reading of the payload and its checksum.
  const std::scoped_lock lock(payload_lock(name));
  try {
    cache().adopt(name.file_name());
  } catch (const Error& error) {
    fs.log.tell(error.what());
    refuse(errno_for(error), name.file_name());
  }
}

bool PromptArea::rename(FileSystem& fs, const MirrorPlace& from, const MirrorPlace& to, unsigned flags) {
  if ((flags & ~kNoReplace) != 0) refuse(EINVAL, to.path());
  if (!is_in_flight(from)) refuse(EPERM, from.path());
  if (is_in_flight(to)) return fs.writes.files.rename(from, to, flags);
  const auto name = entry_at(to);
  if (!name) refuse(EINVAL, fmt::format("'{}' is not a prompt's name", to.path()));
  if ((flags & kNoReplace) != 0 && find_apparition(fs, to, kUnknownId)) refuse(EEXIST, to.path());
  require_entry(fs, from, *name, limits_.budget_bytes);
  const bool is_moved = fs.writes.files.rename(from, to, flags);
  try {
    adopt(fs, *name);
  } catch (const Error&) {
    // It has its name and is whole, so that the rename is no failure; the next one makes the room. The log has it.
  }
  return is_moved;
}

void PromptArea::remove(FileSystem& fs, const MirrorPlace& place, int flags) {
  const auto name = entry_at(place);
  if (!name || flags != 0) return Area::remove(fs, place, flags);
  if (!cache().remove(name->key)) refuse(ENOENT, place.path());
}

std::optional<struct stat> PromptArea::find_apparition(FileSystem& fs, const MirrorPlace& place, std::uint64_t id) {
  const auto name = entry_at(place);
  auto found = name ? fs.writes.files.find(place_of_real(recipe_of(*name))) : std::nullopt;
  if (!found) return std::nullopt;
  // One that is damaged is there to be looked at and removed; who opens it is told.
  const auto info = read_info_of(fs, recipe_of(*name));
  if (info)
    found->st_size = static_cast<off_t>(info->payload_offset() + info->header.payload_bytes + info->trailer_bytes);
  return fs.attributes.of_real(*found, id);
}

void PromptArea::add_apparitions(FileSystem& /*fs*/, const MirrorPlace& /*directory*/,
                                 std::vector<AreaEntry>& entries) {
  std::set<std::string> names;
  for (const AreaEntry& entry : entries) names.insert(entry.name);
  for (const std::string& file_name : std::set<std::string>(names)) {
    const auto name = PromptName::parse(file_name);
    if (!name || name->form != PromptForm::recipe) continue;
    const std::string whole = PromptName{name->key, PromptForm::whole}.file_name();
    if (names.insert(whole).second) entries.push_back({whole, kUnknownId, S_IFREG});
  }
}

ApparitionPtr PromptArea::open_apparition(FileSystem& fs, const MirrorPlace& place) {
  return open_recipe(fs, place, {.verify = false, .touch = false});
}

std::shared_ptr<Apparition> PromptArea::open_writable_apparition(FileSystem& fs, const MirrorPlace& place) {
  return open_recipe(fs, place, {.verify = false, .touch = false, .writable = true});
}

std::shared_ptr<Apparition> PromptArea::open_recipe(FileSystem& fs, const MirrorPlace& place,
                                                    const PromptLoadOptions& options) {
  const auto name = entry_at(place);
  if (!name || !fs.writes.files.find(place_of_real(recipe_of(*name)))) return nullptr;
  try {
    auto loaded = cache().load(name->key, options);
    if (!loaded || loaded->info().name.form != PromptForm::recipe) return nullptr;
    return std::make_shared<RecipeFile>(std::move(*loaded), [this, file = place.names[0]] { note_changed(file); });
  } catch (const Error& error) {
    fs.log.tell(error.what());
    refuse(EIO, place.path());
  }
}

void PromptArea::materialize(FileSystem& fs, const MirrorPlace& place, bool /*with_bytes*/) {
  const auto name = entry_at(place);
  if (!name || !cache().make_whole(name->key)) return Area::materialize(fs, place, true);
}

std::optional<std::string> PromptArea::attribute(FileSystem& fs, const MirrorPlace& place, std::string_view name) {
  constexpr std::string_view kPrefix = "user.pfcache.";
  const auto entry = entry_at(place);
  if (!entry || !name.starts_with(kPrefix)) return std::nullopt;
  const auto real = find_real(fs, *entry);
  const auto info = real ? read_info_of(fs, *real) : std::nullopt;
  for (const Field& field : kFields) {
    if (info && name.substr(kPrefix.size()) == field.name) return field.text(*info);
  }
  return std::nullopt;
}

DiskKvCache& PromptArea::cache() {
  const std::scoped_lock lock(mutex_);
  if (!cache_) {
    DiskKvCacheOptions options;
    options.policy = limits_.policy;
    options.blobs = &store_.blobs();
    cache_ = std::make_unique<DiskKvCache>(store_.path() / "prompt", limits_.budget_bytes, std::move(options));
  }
  return *cache_;
}

bool PromptArea::is_verified(int fd) {
  const FileStamp stamp = FileStamp::of(fd);
  const std::scoped_lock lock(mutex_);
  const auto found = verified_.find(stamp.inode);
  return found != verified_.end() && found->second.has_bytes_of(stamp);
}

void PromptArea::note_verified(int fd) {
  const FileStamp stamp = FileStamp::of(fd);
  const std::scoped_lock lock(mutex_);
  verified_.insert_or_assign(stamp.inode, stamp);
}

void PromptArea::forget_verified(int fd) {
  const FileStamp stamp = FileStamp::of(fd);
  const std::scoped_lock lock(mutex_);
  verified_.erase(stamp.inode);
}

std::mutex& PromptArea::payload_lock(const PromptName& name) {
  return payload_locks_.at(static_cast<std::size_t>(name.key.bytes()[0]) % payload_locks_.size());
}

void PromptArea::note_changed(const std::string& name) {
  const std::scoped_lock lock(mutex_);
  changed_.insert(name);
}

}  // namespace pfcache::fuse
