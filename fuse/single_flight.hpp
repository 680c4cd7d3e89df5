// Work that many threads ask for at once is done once.
#pragma once

#include <exception>
#include <future>
#include <mutex>
#include <unordered_map>
#include <utility>

namespace pfcache::fuse {

/// Thread-safe. Value is copied to everybody who waits, so it should be a pointer.
template <typename Key, typename Value, typename Hash = std::hash<Key>>
class SingleFlight {
 public:
  /// The result of `make()`, called here or by another thread that asked for `key` and has not finished. An exception
  /// goes to all who wait; the next one to ask tries again.
  template <typename Make>
  Value run(const Key& key, Make&& make) {
    std::promise<Value> promise;
    {
      std::unique_lock lock(mutex_);
      const auto [flight, is_ours] = flights_.try_emplace(key);
      if (!is_ours) {
        const std::shared_future<Value> theirs = flight->second;
        lock.unlock();
        return theirs.get();
      }
      flight->second = promise.get_future().share();
    }
    const Landing landing{*this, key};
    try {
      Value value = make();
      promise.set_value(value);
      return value;
    } catch (...) {
      promise.set_exception(std::current_exception());
      throw;
    }
  }

 private:
  struct Landing {
    SingleFlight& flights;
    const Key& key;
    ~Landing() {
      const std::lock_guard lock(flights.mutex_);
      flights.flights_.erase(key);
    }
    Landing(SingleFlight& f, const Key& k) : flights(f), key(k) {}
    Landing(const Landing&) = delete;
    Landing& operator=(const Landing&) = delete;
  };

  std::mutex mutex_;
  std::unordered_map<Key, std::shared_future<Value>, Hash> flights_;  // guarded by mutex_
};

}  // namespace pfcache::fuse
