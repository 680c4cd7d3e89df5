// Pagers and blob stores that write down what is done to them, in one list, and fail when told to.
#pragma once

#include <algorithm>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "pfcache/blob_store.hpp"
#include "pfcache/synthetic_pager.hpp"

namespace pfcache::test {

/// What happened, in order. Thread-safe.
class Journal {
 public:
  void note(const std::string& event) {
    const std::scoped_lock lock(mutex_);
    events_.push_back(event);
  }
  [[nodiscard]] std::vector<std::string> events() const { return events_; }
  [[nodiscard]] std::size_t count(std::string_view event) const {
    return static_cast<std::size_t>(std::count(events_.begin(), events_.end(), event));
  }
  /// Where `event` is first; events().size() when it is nowhere.
  [[nodiscard]] std::size_t first(std::string_view event) const {
    return static_cast<std::size_t>(std::find(events_.begin(), events_.end(), event) - events_.begin());
  }
  [[nodiscard]] std::size_t last(std::string_view event) const {
    const auto at = std::find(events_.rbegin(), events_.rend(), event);
    return static_cast<std::size_t>(events_.rend() - at) - 1;
  }

 private:
  std::mutex mutex_;
  std::vector<std::string> events_;
};

/// A synthetic pager that notes each call by its name, and throws std::runtime_error in the call named `fails_in`,
/// the `fails_at`-th time that it is made.
class JournalPager final : public CachePager {
 public:
  explicit JournalPager(const CacheMeta& meta) : inner(meta) {}

  [[nodiscard]] CacheMeta meta() const override { return call("meta"), inner.meta(); }
  [[nodiscard]] std::uint64_t expected_bytes() const override {
    call("expected_bytes");
    return expected ? *expected : inner.expected_bytes();
  }
  void pause() override { call("pause"), inner.pause(); }
  void resume() override { call("resume"), inner.resume(); }
  [[nodiscard]] std::vector<PageIndex> occupied_pages() const override {
    call("occupied_pages");
    return occupied.empty() ? inner.occupied_pages() : occupied;
  }
  [[nodiscard]] std::vector<LogicalSeq> logical_seqs() const override {
    return call("logical_seqs"), inner.logical_seqs();
  }
  void read_page(PageIndex ix, MutablePageView out) override { call("read_page"), inner.read_page(ix, out); }
  [[nodiscard]] std::vector<PageIndex> allocate_pages(std::size_t count) override {
    call("allocate_pages");
    return grants.empty() ? inner.allocate_pages(count) : grants;
  }
  void write_page(PageIndex ix, PageView page) override {
    call("write_page");
    written.push_back(ix);
    inner.write_page(ix, page);
  }
  void install_logical_seqs(std::span<const LogicalSeq> seqs) override {
    call("install_logical_seqs"), inner.install_logical_seqs(seqs);
  }

  SyntheticCachePager inner;
  mutable Journal own_journal;
  Journal* journal = &own_journal;
  std::string fails_in;
  std::size_t fails_at = 1;
  std::optional<std::uint64_t> expected;  ///< given instead of the inner pager's
  std::vector<PageIndex> occupied;        ///< given instead of the inner pager's, unless empty
  std::vector<PageIndex> grants;          ///< likewise
  std::vector<PageIndex> written;

 private:
  void call(const std::string& name) const {
    journal->note(name);
    if (name == fails_in && journal->count(name) == fails_at) throw std::runtime_error("told to fail in " + name);
  }
};

/// Notes `put` for each put into a batch, and `commit`, before another store does it.
class JournalBlobStore final : public BlobStore {
 public:
  JournalBlobStore(BlobStore& inner, Journal& journal) : inner_(inner), journal_(journal) {}

  [[nodiscard]] std::unique_ptr<BlobBatch> begin_batch() override {
    return std::make_unique<Batch>(inner_.begin_batch(), journal_);
  }
  void get_into(const Digest& digest, std::span<std::byte> out) const override {
    journal_.note("get_into");
    inner_.get_into(digest, out);
  }
  [[nodiscard]] std::vector<std::byte> get(const Digest& digest, std::uint64_t limit_bytes) const override {
    return inner_.get(digest, limit_bytes);
  }
  [[nodiscard]] std::optional<BlobInfo> find(const Digest& digest) const override { return inner_.find(digest); }
  void for_each(const std::function<void(const Digest&, const BlobInfo&)>& visit) const override {
    inner_.for_each(visit);
  }
  bool remove(const Digest& digest) override { return inner_.remove(digest); }

 private:
  class Batch final : public BlobBatch {
   public:
    Batch(std::unique_ptr<BlobBatch> inner, Journal& journal) : inner_(std::move(inner)), journal_(journal) {}
    void put_many(std::span<const std::span<const std::byte>> blobs, std::span<PutResult> results,
                  const BlobHint& hint) override {
      for (std::size_t i = 0; i < blobs.size(); ++i) journal_.note("put");
      inner_->put_many(blobs, results, hint);
    }
    void commit() override {
      journal_.note("commit");
      inner_->commit();
    }

   private:
    std::unique_ptr<BlobBatch> inner_;
    Journal& journal_;
  };

  BlobStore& inner_;
  Journal& journal_;
};

}  // namespace pfcache::test
