#include "fuse/arrivals.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>
#include <thread>

#include "support/temp_dir.hpp"

namespace pfcache::fuse::test {
namespace {

constexpr std::chrono::milliseconds kMoment(1000);
constexpr std::chrono::milliseconds kLongerThanAMoment(1100);

struct Arriving {
  pfcache::test::TempDir dir;
  Store store = Store::init(dir.path() / "store");
  Staging staging{store, 1};
  Arrivals arrivals{staging, kMoment};
  ArrivalPtr arrival = arrivals.make(Digest());
};

}  // namespace

TEST_CASE("whoever changes something is at work for a moment, and as long as a file is open") {
  const Arriving a;
  CHECK_FALSE(a.arrival->is_at_work(1));
  a.arrival->note_writer(1);
  CHECK(a.arrival->is_at_work(1));
  CHECK_FALSE(a.arrival->is_at_work(2));
  a.arrival->note_open();
  std::this_thread::sleep_for(kLongerThanAMoment);
  CHECK(a.arrival->is_at_work(1));
  a.arrival->note_close();
  std::this_thread::sleep_for(kLongerThanAMoment);
  CHECK_FALSE(a.arrival->is_at_work(1));
}

TEST_CASE("who was started by one that is at work is so, too") {
  const Arriving a;
  a.arrival->note_writer(::getppid());
  CHECK(a.arrival->is_at_work(::getpid()));
  CHECK_FALSE(a.arrival->is_at_work(1));
  CHECK_FALSE(a.arrival->is_at_work(0));
  std::this_thread::sleep_for(kLongerThanAMoment);
  CHECK_FALSE(a.arrival->is_at_work(::getpid()));
}

TEST_CASE("who has looked at it is at work while others are") {
  const Arriving a;
  a.arrival->note_visitor(1);
  CHECK_FALSE(a.arrival->is_at_work(1));
  a.arrival->note_writer(2);
  CHECK(a.arrival->is_at_work(1));
}

TEST_CASE("from a program that makes files anew is hidden what it has not made") {
  const Arriving a;
  a.arrival->note_writer(1);
  CHECK_FALSE(a.arrival->hides(1, "k"));
  a.arrival->note_copier(1);
  CHECK(a.arrival->hides(1, "k"));
  CHECK_FALSE(a.arrival->hides(2, "k"));
  a.arrival->note_made("k");
  CHECK_FALSE(a.arrival->hides(1, "k"));
  std::this_thread::sleep_for(kLongerThanAMoment);
  CHECK_FALSE(a.arrival->hides(1, "v"));
}

TEST_CASE("to who was told that nothing is there nothing appears, until he has made it or is done") {
  const Arriving a;
  a.arrival->note_writer(1);
  a.arrival->note_absent(1, "seqs/a/0000");
  CHECK(a.arrival->hides(1, "seqs/a/0000"));
  CHECK_FALSE(a.arrival->hides(1, "seqs/a/0001"));
  CHECK_FALSE(a.arrival->hides(2, "seqs/a/0000"));
  a.arrival->note_made("seqs/a/0000");
  CHECK_FALSE(a.arrival->hides(1, "seqs/a/0000"));
  a.arrival->note_absent(1, "seqs/a/0001");
  std::this_thread::sleep_for(kLongerThanAMoment);
  CHECK_FALSE(a.arrival->hides(1, "seqs/a/0001"));
}

TEST_CASE("what was unlinked stays hidden until it is made again") {
  const Arriving a;
  a.arrival->hide("pages/0001");
  CHECK(a.arrival->is_hidden("pages/0001"));
  a.arrival->note_made("pages/0001");
  CHECK_FALSE(a.arrival->is_hidden("pages/0001"));
}

TEST_CASE("one object an arrival, as long as its directory is there") {
  Arriving a;
  CHECK(a.arrivals.find(Digest()) == a.arrival);
  CHECK(a.arrivals.find_known(Digest()) == a.arrival);
  a.arrivals.tidy();
  CHECK(a.arrivals.find_known(Digest()) == a.arrival);
  std::filesystem::remove_all(a.dir.path() / "store/staging/snap");
  a.arrivals.tidy();
  CHECK(a.arrivals.find_known(Digest()) == nullptr);
  CHECK(a.arrivals.find(Digest()) == nullptr);
}

}  // namespace pfcache::fuse::test
