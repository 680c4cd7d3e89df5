// Restoring to a directory of page files.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

#include "base/buffer_pool.hpp"
#include "base/bytes.hpp"
#include "base/parallel.hpp"
#include "base/phase_counter.hpp"
#include "pfcache/error.hpp"
#include "pfcache/page_files.hpp"
#include "pfcache/unique_fd.hpp"
#include "snapshot/blob_groups.hpp"
#include "snapshot/manifest_blob.hpp"
#include "snapshot/temp_tree.hpp"

namespace pfcache {
namespace {

namespace fs = std::filesystem;

void write_all(int fd, std::span<const std::byte> bytes, const fs::path& path) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      throw Error::from_last_errno(fmt::format("cannot write '{}'", path.native()));
    }
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
}

void write_file(const fs::path& path, std::span<const std::byte> bytes) {
  UniqueFd fd(::open(path.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0666));
  if (!fd) throw Error::from_last_errno(fmt::format("cannot create '{}'", path.native()));
  write_all(fd.get(), bytes, path);
  // Some file systems (NFS) tell only here that there was no space.
  if (::close(fd.release()) != 0) throw Error::from_last_errno(fmt::format("cannot write '{}'", path.native()));
}

/// Reads some pages together and writes each to its file.
void write_pages(const BlobStore& blobs, std::span<const PageEntry> pages, std::uint64_t page_bytes,
                 std::span<std::byte> room, const fs::path& pages_dir) {
  std::vector<GetRequest> requests;
  for (std::size_t i = 0; i < pages.size(); ++i) {
    requests.push_back({pages[i].k, room.subspan(2 * i * page_bytes, page_bytes), {}});
    requests.push_back({pages[i].v, room.subspan((2 * i + 1) * page_bytes, page_bytes), {}});
  }
  blobs.get_all(requests);
  for (std::size_t i = 0; i < pages.size(); ++i) {
    write_file(pages_dir / page_file_name(pages[i].ix), room.subspan(2 * i * page_bytes, 2 * page_bytes));
  }
}

}  // namespace

RestoreResult restore_directory(const BlobStore& blobs, const Digest& manifest_digest, const fs::path& dest,
                                const RestoreOptions& options) {
  throw_if_stopped(options.stop);
  const std::string json = load_manifest_bytes(blobs, manifest_digest);
  const PageManifest manifest = parse_manifest(json, manifest_digest);
  const std::vector<PageEntry> pages = manifest.effective_pages();
  const std::uint64_t page_bytes = manifest.meta.page_bytes();

  TempTree tree(dest);
  const fs::path pages_dir = tree.path() / "pages";
  if (::mkdir(pages_dir.c_str(), 0777) != 0) {
    throw Error::from_last_errno(fmt::format("cannot create directory '{}'", pages_dir.native()));
  }
  BufferPool buffers;
  PhaseCounter written(options.on_progress, {.phase = "restore", .total = 2 * page_bytes * pages.size()});
  parallel_groups(pages.size(), 2 * page_bytes, options.threads, options.stop,
                  [&](std::size_t first, std::size_t count) {
                    buffers.with(2 * page_bytes * count, [&](std::span<std::byte> room) {
                      write_pages(blobs, std::span(pages).subspan(first, count), page_bytes, room, pages_dir);
                    });
                    written.add(2 * page_bytes * count);
                  });
  write_file(tree.path() / "manifest.json", as_bytes(json));
  throw_if_stopped(options.stop);
  tree.commit();
  return {pages.size(), 2 * page_bytes * pages.size()};
}

}  // namespace pfcache
