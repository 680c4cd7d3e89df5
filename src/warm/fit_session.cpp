#include "pfcache/fit_session.hpp"

#include <cmath>
#include <utility>

namespace pfcache {

FitSession::FitSession(WarmStartStore& store, const Fingerprint& key, SteadyClock now)
    : store_(store), key_(key), now_(now ? std::move(now) : [] { return std::chrono::steady_clock::now(); }) {}

std::optional<std::string> FitSession::run() const {
  const std::scoped_lock lock(mutex_);
  return run_.empty() ? std::nullopt : std::optional(run_);
}

void FitSession::preload(WarmEntry entry) {
  const std::scoped_lock lock(mutex_);
  preloaded_ = std::move(entry);
}

std::optional<FitSession::Loaded> FitSession::load() {
  {
    const std::scoped_lock lock(mutex_);
    if (preloaded_) return Loaded{*std::exchange(preloaded_, std::nullopt), Source::preloaded};
  }
  auto entry = store_.lookup(key_);
  if (!entry) return std::nullopt;
  return Loaded{std::move(*entry), Source::exact};
}

bool FitSession::checkpoint(std::span<const std::byte> payload, std::optional<double> objective,
                            std::optional<std::uint64_t> iteration) {
  if (objective && !std::isfinite(*objective)) objective.reset();
  const std::scoped_lock lock(mutex_);
  if (!is_due(objective)) return false;
  save(payload, {objective, iteration, EntryKind::checkpoint});
  last_save_ = now_();
  if (objective && (!best_objective_ || *objective < *best_objective_)) best_objective_ = objective;
  return true;
}

void FitSession::finalize(std::span<const std::byte> payload, std::optional<double> objective,
                          std::optional<std::uint64_t> iteration) {
  const std::scoped_lock lock(mutex_);
  save(payload, {objective, iteration, EntryKind::final});
}

bool FitSession::is_due(const std::optional<double>& objective) const {
  const bool improves = objective && (!best_objective_ || *objective < *best_objective_ - kObjectiveTie);
  return improves || !last_save_ || now_() - *last_save_ >= kMinCheckpointInterval;
}

void FitSession::save(std::span<const std::byte> payload, const SaveMeta& meta) {
  run_ = run_.empty() ? store_.save(key_, payload, meta) : store_.save_overwrite(key_, run_, payload, meta);
}

}  // namespace pfcache
