#include "pfcache/fit_session.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "warm/warm_support.hpp"

namespace pfcache::test {
namespace {

using std::chrono::milliseconds;

// A session whose clock is moved by hand.
struct TimedSession {
  TempStore it;
  Fingerprint key = key_for("fit");
  std::chrono::steady_clock::time_point now{};
  FitSession session{it.store, key, [this] { return now; }};

  bool checkpoint(std::string_view payload, std::optional<double> objective = {}) {
    return session.checkpoint(bytes_of(payload), objective);
  }
};

TEST_CASE("checkpoints that improve nothing come no closer than two seconds") {
  TimedSession it;
  CHECK(it.checkpoint("a"));
  it.now += milliseconds(1999);
  CHECK_FALSE(it.checkpoint("b"));
  CHECK(payload_of(it.it.store, it.key) == "a");
  it.now += milliseconds(1);
  CHECK(it.checkpoint("c"));
  CHECK(payload_of(it.it.store, it.key) == "c");
  CHECK_FALSE(it.checkpoint("d"));
}

TEST_CASE("a strictly better objective is saved at once, an equal or worse one is not") {
  TimedSession it;
  CHECK(it.checkpoint("a", 5.0));
  CHECK(it.checkpoint("b", 4.0));
  CHECK_FALSE(it.checkpoint("c", 4.0));
  CHECK_FALSE(it.checkpoint("d", 4.0 - 1e-13));
  CHECK_FALSE(it.checkpoint("e", 4.5));
  CHECK_FALSE(it.checkpoint("f", std::nan("")));
  CHECK_FALSE(it.checkpoint("g"));
  CHECK(it.checkpoint("h", 3.0));
  CHECK(payload_of(it.it.store, it.key) == "h");
}

TEST_CASE("the best objective is the lowest of all that were saved") {
  TimedSession it;
  CHECK(it.checkpoint("a", 1.0));
  it.now += milliseconds(2000);
  CHECK(it.checkpoint("b", 9.0));
  CHECK_FALSE(it.checkpoint("c", 5.0));
  CHECK(it.checkpoint("d", 0.5));
}

TEST_CASE("a session leaves one entry, and finalize makes it Final whatever the time") {
  TimedSession it;
  CHECK_FALSE(it.session.run());
  it.checkpoint("a", 2.0);
  it.checkpoint("b", 1.0);
  it.session.finalize(bytes_of("end"), 1.0, 42);
  const auto runs = it.it.store.runs(it.key);
  REQUIRE(runs.size() == 1);
  CHECK(runs[0].kind == EntryKind::final);
  CHECK(runs[0].iteration == 42);
  CHECK(it.session.run() == runs[0].run);
  CHECK(names_in(it.it.key_dir(it.key)).size() == 2);
  CHECK(payload_of(it.it.store, it.key) == "end");
}

TEST_CASE("two sessions of one key keep an entry each") {
  TimedSession it;
  FitSession other(it.it.store, it.key);
  it.checkpoint("a", 2.0);
  other.checkpoint(bytes_of("b"), 1.0);
  CHECK(it.it.store.runs(it.key).size() == 2);
  const auto loaded = it.session.load();
  REQUIRE(loaded);
  CHECK(text_of(loaded->entry.payload) == "b");
  CHECK(loaded->source == FitSession::Source::exact);
}

TEST_CASE("a preloaded entry is given once, and then the store's") {
  TimedSession it;
  CHECK_FALSE(it.session.load());
  it.it.store.save(key_for("near"), bytes_of("near"), {});
  it.session.preload(*it.it.store.lookup(key_for("near")));
  it.checkpoint("own");
  const auto first = it.session.load();
  REQUIRE(first);
  CHECK(text_of(first->entry.payload) == "near");
  CHECK(first->source == FitSession::Source::preloaded);
  const auto second = it.session.load();
  REQUIRE(second);
  CHECK(text_of(second->entry.payload) == "own");
  CHECK(second->source == FitSession::Source::exact);
  CHECK(payload_of(it.it.store, key_for("near")) == "near");
}

TEST_CASE("a checkpoint that failed doesn't hold the next one back") {
  TimedSession it;
  const std::string big(200, 'x');
  auto small = WarmStartStore::open(it.it.dir.path() / "small", {.size_budget_bytes = 400});
  FitSession session(small, it.key, [&] { return it.now; });
  CHECK_THROWS(session.checkpoint(bytes_of(big), 1.0));
  CHECK(session.checkpoint(bytes_of("x"), 1.0));
}

}  // namespace
}  // namespace pfcache::test
