// What the mount says about itself: the files of /.pfcache.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace pfcache::fuse {

struct FileSystem;

inline constexpr std::string_view kInfoDirectory = ".pfcache";

enum class InfoFile : std::uint8_t {
  metrics,  ///< for Prometheus
  stats,    ///< stats.json, the same for people and programs
  version,
};
inline constexpr std::size_t kInfoFiles = 3;

[[nodiscard]] std::string_view name_of(InfoFile file) noexcept;
[[nodiscard]] std::optional<InfoFile> find_info_file(std::string_view name) noexcept;

/// What it holds at this moment. Throws: std::bad_alloc.
[[nodiscard]] std::string text_of(InfoFile file, FileSystem& fs);

}  // namespace pfcache::fuse
