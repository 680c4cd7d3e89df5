#include "snapshot/page_directory.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "pfcache/error.hpp"
#include "pfcache/page_files.hpp"

namespace pfcache {
namespace {

std::vector<PageIndex> list(const Directory& directory) {
  std::vector<PageIndex> ixs;
  for (const std::string& name : directory.names()) {
    if (name.starts_with('.')) continue;
    const auto ix = parse_page_file_name(name);
    if (!ix) {
      throw Error(Errc::malformed, fmt::format("'{}' is not named like a page: expected four digits or more, without "
                                               "further zeros in front, up to 4294967295",
                                               directory.path_of(name)));
    }
    ixs.push_back(*ix);
  }
  std::sort(ixs.begin(), ixs.end());
  return ixs;
}

void read_whole_file(const Directory& directory, PageIndex ix, std::span<std::byte> bytes) {
  const std::string name = page_file_name(ix);
  const std::string path = directory.path_of(name);
  const auto fd = directory.find_file(name);
  if (!fd) throw Error(Errc::not_found, fmt::format("page file '{}'", path));
  const std::uint64_t found = file_size_bytes(fd->get(), path);
  if (found != bytes.size()) {
    throw Error(Errc::malformed, fmt::format("page file '{}': expected {} bytes by the manifest's geometry, found {}",
                                             path, bytes.size(), found));
  }
  read_exactly_at(fd->get(), 0, bytes, path);
}

void require_other_half(const Directory& half, const std::vector<PageIndex>& mine, const Directory& other_half,
                        const std::vector<PageIndex>& others) {
  for (const PageIndex ix : mine) {
    if (std::binary_search(others.begin(), others.end(), ix)) continue;
    const std::string name = page_file_name(ix);
    throw Error(Errc::not_found,
                fmt::format("page file '{}', the other half of '{}'", other_half.path_of(name), half.path_of(name)));
  }
}

}  // namespace

PageDirectory::PageDirectory(const Directory& root) : whole_(root.find_directory("pages")), root_path_(root.path()) {
  if (whole_) return;
  k_ = root.find_directory("k");
  v_ = root.find_directory("v");
  if (k_.has_value() == v_.has_value()) return;
  throw Error(Errc::not_found, fmt::format("directory '{}', the other half of '{}'", root.path_of(k_ ? "v" : "k"),
                                           root.path_of(k_ ? "k" : "v")));
}

std::vector<PageIndex> PageDirectory::pages() const {
  if (whole_) return list(*whole_);
  if (!k_) return {};
  auto ks = list(*k_);
  const auto vs = list(*v_);
  require_other_half(*k_, ks, *v_, vs);
  require_other_half(*v_, vs, *k_, ks);
  return ks;
}

void PageDirectory::read(PageIndex ix, std::span<std::byte> bytes) const {
  if (whole_) return read_whole_file(*whole_, ix, bytes);
  if (!k_) throw Error(Errc::not_found, fmt::format("page file '{}'", describe(ix)));
  read_whole_file(*k_, ix, bytes.first(bytes.size() / 2));
  read_whole_file(*v_, ix, bytes.last(bytes.size() / 2));
}

std::string PageDirectory::describe(PageIndex ix) const {
  const std::string name = page_file_name(ix);
  if (k_) return fmt::format("{}/{{k,v}}/{}", root_path_, name);
  return fmt::format("{}/pages/{}", root_path_, name);
}

}  // namespace pfcache
