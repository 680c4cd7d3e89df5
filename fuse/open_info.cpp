#include "fuse/open_info.hpp"

#include <algorithm>
#include <memory>
#include <string>

#include "fuse/info_files.hpp"

namespace pfcache::fuse {
namespace {

using Text = std::shared_ptr<const std::string>;

Text* text_at(const fuse_file_info& file) noexcept {
  return reinterpret_cast<Text*>(static_cast<std::uintptr_t>(file.fh));
}

}  // namespace

void open_info(FileSystem& fs, fuse_req_t req, const Node& node, fuse_file_info& file) {
  auto text = std::make_unique<Text>(std::make_shared<const std::string>(text_of(static_cast<InfoFile>(node.row), fs)));
  file.fh = reinterpret_cast<std::uintptr_t>(text.get());
  file.direct_io = 1;
  file.noflush = 1;
  // Otherwise the release deletes it.
  if (fuse_reply_open(req, &file) == 0) static_cast<void>(text.release());
}

void read_info(fuse_req_t req, const fuse_file_info& file, std::size_t size, off_t offset) noexcept {
  // Kept: whoever has the answer may have closed the file before the call that sends it returns.
  const Text text = *text_at(file);
  const std::size_t start = std::min(static_cast<std::size_t>(offset), text->size());
  fuse_reply_buf(req, text->data() + start, std::min(size, text->size() - start));
}

void close_info(const fuse_file_info& file) noexcept { std::unique_ptr<Text>(text_at(file)).reset(); }

}  // namespace pfcache::fuse
