// Work that many threads ask for at once is done once.
#pragma once

#include <exception>
#include <future>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <utility>

namespace pfcache::fuse {

/// Thread-safe. Value is copied to everybody who waits, so it should be a pointer.
template <typename Key, typename Value, typename Hash = std::hash<Key>>
class SingleFlight {
 public:
  /// The work on one key, which the holder has taken upon himself: whoever runs the key meanwhile waits until it lands.
  /// Of one that is dropped without a result they do the work themselves.
  class Flight {
   public:
    Flight(Flight&& other) noexcept
        : flights_(std::exchange(other.flights_, nullptr)), key_(other.key_), promise_(std::move(other.promise_)) {}
    Flight& operator=(Flight&&) = delete;
    ~Flight() { end(); }

    [[nodiscard]] const Key& key() const noexcept { return key_; }

    /// REQUIRES: neither was called before.
    void land(const Value& value) {
      promise_.set_value(value);
      end();
    }
    void fail(std::exception_ptr failure) {
      promise_.set_exception(std::move(failure));
      end();
    }

   private:
    friend SingleFlight;
    Flight(SingleFlight& flights, const Key& key) : flights_(&flights), key_(key) {}

    void end() noexcept {
      if (flights_ == nullptr) return;
      const std::lock_guard lock(flights_->mutex_);
      flights_->flights_.erase(key_);
      flights_ = nullptr;
    }

    SingleFlight* flights_;  // null: it has ended
    Key key_;
    std::promise<Value> promise_;
  };

  /// The result of `make()`, called here or by another thread that asked for `key` and has not finished. An exception
  /// goes to all who wait; the next one to ask tries again.
  template <typename Make>
  Value run(const Key& key, Make&& make) {
    for (;;) {
      std::shared_future<Value> theirs;
      std::optional<Flight> ours = start(key, &theirs);
      if (ours) return land(*ours, make);
      try {
        return theirs.get();
      } catch (const std::future_error&) {
        // It was dropped. Its key is free again since before that.
      }
    }
  }

  /// The work on `key`; nothing while somebody else is at it.
  [[nodiscard]] std::optional<Flight> try_start(const Key& key) { return start(key, nullptr); }

 private:
  template <typename Make>
  static Value land(Flight& flight, Make&& make) {
    try {
      Value value = make();
      flight.land(value);
      return value;
    } catch (...) {
      flight.fail(std::current_exception());
      throw;
    }
  }

  std::optional<Flight> start(const Key& key, std::shared_future<Value>* theirs) {
    Flight flight(*this, key);
    std::unique_lock lock(mutex_);
    const auto [found, is_ours] = flights_.try_emplace(key);
    if (is_ours) {
      found->second = flight.promise_.get_future().share();
      return flight;
    }
    if (theirs != nullptr) *theirs = found->second;
    flight.flights_ = nullptr;  // not this one's to end
    return std::nullopt;
  }

  std::mutex mutex_;
  std::unordered_map<Key, std::shared_future<Value>, Hash> flights_;  // guarded by mutex_
};

}  // namespace pfcache::fuse
