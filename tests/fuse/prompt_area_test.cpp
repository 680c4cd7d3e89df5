#include "fuse/prompt_area.hpp"

#include <doctest/doctest.h>

#include "samples.hpp"
#include "support/failure.hpp"

namespace pfcache::fuse::test {
namespace {

using pfcache::test::failure_of;

struct Sample {
  SampleStore store;
  PromptArea area{store.store, {}};

  [[nodiscard]] static MirrorPlace at(const std::string& name) { return {MirrorArea::prompt, {name}}; }
  void make(const std::string& name, mode_t type = S_IFREG) const { area.require_makeable(at(name), type); }
  [[nodiscard]] std::error_code refusal(const std::string& name, mode_t type = S_IFREG) const {
    return failure_of([&] { make(name, type); }).code;
  }
};

const std::string kKey(40, 'a');

}  // namespace

TEST_CASE("files in flight may be made, and entries only come by renames") {
  const Sample sample;
  for (const std::string& name : {kKey + ".kv.tmp.77", std::string("x.tmp.1"), "." + kKey + ".kv.aB3dE5"}) {
    CHECK_NOTHROW(sample.make(name));
    CHECK(sample.area.is_shown(Sample::at(name)));
  }
  CHECK(sample.refusal(kKey + ".kv") == std::errc::operation_not_permitted);
  CHECK(sample.refusal(kKey + ".kvd") == std::errc::invalid_argument);
  CHECK(sample.refusal("notes") == std::errc::invalid_argument);
  CHECK(sample.refusal("x.tmp.1", S_IFDIR) == std::errc::operation_not_permitted);
  CHECK(sample.refusal("x.tmp.1", S_IFLNK) == std::errc::operation_not_permitted);
}

TEST_CASE("recipes are not shown by their own name, and neither is what nobody knows") {
  const Sample sample;
  CHECK(sample.area.is_shown(Sample::at(kKey + ".kv")));
  CHECK_FALSE(sample.area.is_shown(Sample::at(kKey + ".kvd")));
  CHECK_FALSE(sample.area.is_shown(Sample::at("notes")));
}

}  // namespace pfcache::fuse::test
