// restore_engine_file: surroundings and pages from the store, bytes to a file.
#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "base/buffer_pool.hpp"
#include "base/parallel.hpp"
#include "base/phase_counter.hpp"
#include "engine/dest_file.hpp"
#include "engine/file_record.hpp"
#include "engine/llama_state.hpp"
#include "engine/source_file.hpp"
#include "engine/state_geometry.hpp"
#include "engine/state_pager.hpp"
#include "engine/state_writer.hpp"
#include "pfcache/engine_file.hpp"
#include "snapshot/blob_groups.hpp"

namespace pfcache {
namespace {

using Pages = std::vector<PageEntry>;

std::vector<std::byte> read_surroundings(const Store& store, const FileRecord& record) {
  if (record.surroundings_bytes > std::min(kMaxBlobBytes, record.file_bytes)) {
    throw Error(Errc::malformed, fmt::format("record of '{}': {} bytes of surroundings in a file of {}", record.name,
                                             record.surroundings_bytes, record.file_bytes));
  }
  std::vector<std::byte> bytes(record.surroundings_bytes);
  store.blobs().get_into(record.surroundings, bytes);
  return bytes;
}

StateLayout read_layout(const FileRecord& record, std::span<const std::byte> surroundings) {
  const std::string path = fmt::format("surroundings of '{}'", record.name);
  try {
    return parse_surroundings(surroundings, record.file_bytes, path);
  } catch (const Error& error) {
    // The blob is what its digest says; that it doesn't make a file of the recorded size is the record's damage.
    if (error.code() != Errc::malformed) throw;
    throw Error(Errc::damaged, error.what());
  }
}

[[noreturn]] void refuse_snapshot(const FileRecord& record, std::string_view what) {
  throw Error(Errc::mismatch,
              fmt::format("snapshot {} does not fit '{}': {}", record.snapshot.hex(), record.name, what));
}

Pages read_pages(const Store& store, const FileRecord& record, const StateGeometry& geometry) {
  const PageManifest manifest = store.manifest(record.snapshot);
  if (manifest.meta != geometry.meta()) refuse_snapshot(record, "its geometry is another");
  Pages pages = manifest.effective_pages();
  if (pages.size() != geometry.page_count()) {
    refuse_snapshot(record, fmt::format("expected {} pages, found {}", geometry.page_count(), pages.size()));
  }
  for (std::uint32_t ix = 0; ix < pages.size(); ++ix) {
    if (pages[ix].ix.value != ix) refuse_snapshot(record, fmt::format("page {} is missing", ix));
  }
  return pages;
}

class Restorer {
 public:
  Restorer(const BlobStore& blobs, const Pages& pages, const StateLayout& layout, const StateGeometry& geometry,
           const StateWriter& writer, const RestoreOptions& options)
      : blobs_(blobs),
        pages_(pages),
        layout_(layout),
        geometry_(geometry),
        writer_(writer),
        options_(options),
        written_(options.on_progress, {.phase = "restore", .total = 2 * geometry.page_bytes() * pages.size()}) {}

  void run() {
    std::vector<Half> halves;
    for (std::uint32_t ix = 0; ix < pages_.size(); ++ix) {
      halves.push_back({ix, pages_[ix].k, &StateWriter::write_k});
      if (!is_transposed(ix)) halves.push_back({ix, pages_[ix].v, &StateWriter::write_v});
    }
    parallel_groups(halves.size(), geometry_.page_bytes(), options_.threads, options_.stop,
                    [&](std::size_t first, std::size_t count) {
                      restore_halves(std::span<const Half>(halves).subspan(first, count));
                    });
    for (std::uint32_t stream = 0; stream < layout_.streams.size(); ++stream) {
      if (layout_.streams[stream].v_transposed) restore_transposed(stream);
    }
  }

 private:
  // The K or the V of a page, and how it gets into the file.
  struct Half {
    std::uint32_t ix;
    Digest digest;
    void (StateWriter::*write)(std::uint32_t ix, std::span<const std::byte> page) const;
  };

  [[nodiscard]] bool is_transposed(std::uint32_t ix) const {
    return layout_.streams[geometry_.span_of(ix).stream].v_transposed;
  }

  void restore_halves(std::span<const Half> halves) {
    const std::uint64_t page_bytes = geometry_.page_bytes();
    buffers_.with(halves.size() * page_bytes, [&](std::span<std::byte> room) {
      std::vector<GetRequest> requests;
      for (std::size_t i = 0; i < halves.size(); ++i) {
        requests.push_back({halves[i].digest, room.subspan(i * page_bytes, page_bytes), {}});
      }
      blobs_.get_all(requests);
      for (std::size_t i = 0; i < halves.size(); ++i) (writer_.*halves[i].write)(halves[i].ix, requests[i].out);
    });
    written_.add(halves.size() * page_bytes);
  }

  void restore_transposed(std::uint32_t stream) {
    const std::uint32_t end = geometry_.first_page(stream + 1);
    std::uint32_t count = 0;
    for (std::uint32_t ix = geometry_.first_page(stream); ix < end; ix += count) {
      count = std::min(strip_pages(geometry_), end - ix);
      restore_strip(ix, count);
    }
  }

  void restore_strip(std::uint32_t first_ix, std::uint32_t count) {
    const std::uint64_t page_bytes = geometry_.page_bytes();
    strip_.resize(count * page_bytes);
    parallel_groups(count, page_bytes, options_.threads, options_.stop, [&](std::size_t first, std::size_t n) {
      std::vector<GetRequest> requests;
      for (std::size_t i = first; i < first + n; ++i) {
        requests.push_back({pages_[first_ix + i].v, std::span(strip_).subspan(i * page_bytes, page_bytes), {}});
      }
      blobs_.get_all(requests);
    });
    parallel_for(geometry_.meta().n_layers, options_.threads, options_.stop,
                 [&](std::size_t layer) { writer_.write_v_transposed(first_ix, layer, strip_); });
    written_.add(count * page_bytes);
  }

  const BlobStore& blobs_;
  const Pages& pages_;
  const StateLayout& layout_;
  const StateGeometry& geometry_;
  const StateWriter& writer_;
  const RestoreOptions& options_;
  BufferPool buffers_;
  PhaseCounter written_;
  std::vector<std::byte> strip_;
};

void check_file(const DestFile& file, const FileRecord& record, const RestoreOptions& options) {
  const FileSource bytes(file.fd(), record.file_bytes, file.path());
  PhaseCounter hashed(options.on_progress, {.phase = "check", .total = record.file_bytes});
  const Digest found = hash_source(bytes, options.stop, hashed);
  if (found == record.file) return;
  throw Error(Errc::damaged,
              fmt::format("restored '{}': expected SHA-256 {}, found {}", record.name, record.file.hex(), found.hex()));
}

}  // namespace

RestoreResult restore_engine_file(const Store& store, const FileRecord& record, const std::filesystem::path& dest,
                                  bool overwrite, const RestoreOptions& options) {
  if (record.format != kLlamaStateFormat) {
    throw Error(Errc::unsupported, fmt::format("record of '{}': format '{}'", record.name, record.format));
  }
  const std::vector<std::byte> surroundings = read_surroundings(store, record);
  const StateLayout layout = read_layout(record, surroundings);
  const StateGeometry geometry(layout);
  const Pages pages = read_pages(store, record, geometry);

  DestFile file(dest, record.file_bytes, overwrite);
  const StateWriter writer(layout, geometry, [&file](std::uint64_t offset, std::span<const std::byte> bytes) {
    file.write_at(offset, bytes);
  });
  writer.write_surroundings(surroundings);
  Restorer(store.blobs(), pages, layout, geometry, writer, options).run();
  check_file(file, record, options);
  throw_if_stopped(options.stop);
  file.publish();
  return {pages.size(), pages.size() * geometry.page_bytes() * 2};
}

}  // namespace pfcache
