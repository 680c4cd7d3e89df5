#include "prompt/prefix_search.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "prompt/prompt_support.hpp"
#include "support/temp_dir.hpp"

namespace pfcache::test {
namespace {

Candidate candidate(std::string_view text) {
  return {{DiskKvCache::key_for(text), PromptForm::whole}, static_cast<std::uint32_t>(text.size())};
}

std::vector<std::uint32_t> kept(std::vector<Candidate> candidates, std::string_view prompt) {
  drop_other_keys(candidates, prompt);
  std::vector<std::uint32_t> lengths;
  for (const Candidate& it : candidates) lengths.push_back(it.text_bytes);
  return lengths;
}

}  // namespace

TEST_CASE("of candidates those are kept whose key the prompt's first bytes have, longest first") {
  CHECK(kept({candidate("abcdef"), candidate("abXd"), candidate("abcd"), candidate("abce"), candidate("a"),
              candidate("")},
             "abcdef and more") == std::vector<std::uint32_t>{6, 4, 1, 0});
  CHECK(kept({candidate("b")}, "a").empty());
  CHECK(kept({}, "a").empty());
}

TEST_CASE("however many texts end alike, and however many are of another model, few files are read") {
  const TempDir dir;
  NoSyncOps ops;
  DiskKvCache cache(Directory::open(dir.path(), ops), kBudget);
  const std::string tail = "<|assistant|>";
  PromptHeader other;
  other.model_id = 1;
  std::string nested;
  std::string middle;
  for (int i = 100; i < 200; ++i) {
    save(cache, "session " + std::to_string(i) + tail, "p");
    nested += "turn " + std::to_string(i) + tail;
    save(cache, nested, "p", i == 150 ? PromptHeader{} : other);
    if (i == 150) middle = nested;
  }
  const auto reads_of = [&](std::string_view prompt, const PromptFilter& filter, std::string_view expected) {
    const IoCount before = io_count();
    const auto found = cache.find_longest(prompt, filter);
    const std::uint64_t reads = io_count().reads - before.reads;
    CHECK(found.has_value() == !expected.empty());
    if (found) CHECK(found->name.key == DiskKvCache::key_for(expected));
    return reads;
  };
  std::ignore = cache.total_bytes();  // what the saves did is noticed by now
  CHECK(reads_of("session 123" + tail + "more", {}, "session 123" + tail) < 20);
  CHECK(reads_of("session 999" + tail + "more", {}, "") < 20);
  CHECK(reads_of(nested + "more", {}, nested) < 20);
  CHECK(reads_of(nested + "more", {.quant_bits = {}, .model_id = 0, .max_tokens = {}}, middle) < 20);
}

}  // namespace pfcache::test
