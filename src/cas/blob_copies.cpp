#include "cas/blob_copies.hpp"

namespace pfcache {

std::vector<std::string> damaged_copies(BlobDirectories& directories, const Digest& digest,
                                        std::span<const std::byte> bytes) {
  const Directory* shard = directories.find(shard_of(digest));
  if (shard == nullptr) return {};
  std::vector<const Codec*> present;
  for (const Codec& codec : codecs()) {
    if (find_regular_file(*shard, blob_file_name(digest, codec))) present.push_back(&codec);
  }
  if (present.size() < 2) return {};
  std::vector<std::string> damaged;
  for (const Codec* codec : present) {
    const auto file = open_stored_file(*shard, blob_file_name(digest, *codec));
    if (file && !file_holds(*codec, *file, bytes)) damaged.push_back(file->path);
  }
  return damaged;
}

}  // namespace pfcache
