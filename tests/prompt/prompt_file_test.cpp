// KVC files, and files that are none.
#include "pfcache/prompt_file.hpp"

#include <doctest/doctest.h>

#include "base/bytes.hpp"
#include "prompt/prompt_header.hpp"
#include "prompt/prompt_support.hpp"
#include "support/failure.hpp"
#include "support/temp_dir.hpp"

namespace pfcache::test {
namespace {

std::string with(std::string bytes, std::size_t at, std::string_view piece) {
  return bytes.replace(at, piece.size(), piece);
}

}  // namespace

TEST_CASE("the golden file is written byte for byte") {
  const TempDir dir;
  DiskKvCache cache(dir.path(), kBudget);
  const auto result = cache.save(golden_prompt(), as_bytes(kGoldenPayload));
  CHECK(result.info.name.key.hex() == kGoldenKey);
  CHECK(cache.path_for(result.info.name.key) == dir.path() / (kGoldenKey + ".kv"));
  CHECK(slurp(dir.path() / (kGoldenKey + ".kv")) == from_hex_text(kGoldenHex));
  CHECK(names_in(dir.path()).size() == 1);
}

TEST_CASE("the golden file is read, and loads unverified") {
  const TempDir dir;
  spew(dir.path() / (kGoldenKey + ".kv"), from_hex_text(kGoldenHex));
  DiskKvCache cache(dir.path(), kBudget);
  auto loaded = cache.load(PromptKey::parse(kGoldenKey), {.touch = false});
  REQUIRE(loaded);
  CHECK(loaded->text() == "<|user|>hi<|assistant|>");
  CHECK(as_text(loaded->payload()) == kGoldenPayload);
  CHECK_FALSE(loaded->is_verified());
  PromptHeader expected = golden_prompt().header;
  expected.payload_bytes = kGoldenPayload.size();
  expected.text_bytes = 23;
  CHECK(loaded->info().header == expected);
  CHECK(slurp(dir.path() / (kGoldenKey + ".kv")) == from_hex_text(kGoldenHex));
}

TEST_CASE("the key of a text is its SHA-1") {
  CHECK(DiskKvCache::key_for("hello world").hex() == "2aae6c35c94fcfb415dbe95f408b9ce91ee846ed");
}

TEST_CASE("a key is 40 lower-case hex digits and nothing else") {
  for (const std::string& text :
       {std::string("../x"), std::string(39, 'a'), std::string(41, 'a'), std::string(40, 'A'), std::string(40, 'g'),
        std::string(""), "../" + std::string(37, 'a'), std::string(39, 'a') + "\n"}) {
    CAPTURE(text);
    CHECK_FALSE(PromptKey::try_parse(text));
    CHECK(failure_of([&] { std::ignore = PromptKey::parse(text); }).code == Errc::invalid_argument);
    CHECK_FALSE(PromptName::parse(text + ".kv"));
  }
  CHECK(PromptName::parse(kGoldenKey + ".kv")->form == PromptForm::whole);
  CHECK(PromptName::parse(kGoldenKey + ".kvd")->form == PromptForm::recipe);
  for (const char* suffix : {"", ".", ".kv2", ".KV", ".kv.tmp.12", ".kvd.kv"}) {
    CHECK_FALSE(PromptName::parse(kGoldenKey + suffix));
  }
}

TEST_CASE("what we don't understand is kept: newer header bytes, unknown reasons, trailers") {
  const TempDir dir;
  const auto path = dir.path() / (kGoldenKey + ".kv");
  std::string bytes = from_hex_text(kGoldenHex);
  bytes[5] = '\x63';
  bytes[7] = '\x09';
  bytes.replace(20, 4, "\x02\x01\x07\x7f");
  bytes += "KTM and whatever follows";
  spew(path, bytes);
  DiskKvCache cache(dir.path(), kBudget, options_at());
  const auto loaded = cache.load(PromptKey::parse(kGoldenKey));
  REQUIRE(loaded);
  CHECK(loaded->info().header.model_id == 9);
  CHECK(loaded->info().header.payload_abi == 0x7f070102);
  CHECK(name_of(loaded->info().header.reason) == "unknown");
  CHECK(as_text(loaded->trailer()) == "KTM and whatever follows");
  // Of the file only hits and last use have changed.
  std::string after = slurp(path);
  CHECK(after.substr(12, 4) == std::string("\x06\0\0\0", 4));
  after.replace(12, 4, bytes.substr(12, 4)).replace(32, 8, bytes.substr(32, 8));
  CHECK(after == bytes);

  // Saved again with what was loaded, it is the same file.
  const auto trailer = loaded->trailer();
  PromptSave again{.text = loaded->text(), .header = loaded->info().header, .trailer = trailer};
  const TempDir other;
  DiskKvCache copy(other.path(), kBudget);
  copy.save(again, as_bytes(kGoldenPayload));
  CHECK(slurp(other.path() / (kGoldenKey + ".kv")) == bytes);
}

TEST_CASE("files that are no entries are told of, refused, passed over, and left alone") {
  const std::string good = from_hex_text(kGoldenHex);
  struct Case {
    const char* what;
    std::string bytes;
    Errc code;
  };
  const std::vector<Case> cases = {
      {"zero-length", "", Errc::malformed},
      {"cut in the header", good.substr(0, 51), Errc::malformed},
      {"cut in the text", good.substr(0, 60), Errc::malformed},
      {"cut in the payload", good.substr(0, good.size() - 1), Errc::malformed},
      {"payload length far beyond the file", with(good, 40, std::string(8, '\xff')), Errc::malformed},
      {"payload length that overflows a sum", with(good, 40, std::string("\xc0\xff\xff\xff\xff\xff\xff\xff", 8)),
       Errc::malformed},
      {"text length beyond the file", with(good, 48, std::string("\xff\xff\0\0", 4)), Errc::malformed},
      {"text length beyond the limit", with(good, 48, std::string(4, '\xff')), Errc::too_large},
      {"another version", with(good, 3, "\x02"), Errc::unsupported},
      {"a foreign file", "PNG" + std::string(100, 'x'), Errc::malformed},
      {"a recipe under our other name", with(good, 0, "KVD"), Errc::malformed},
  };
  for (const Case& test : cases) {
    CAPTURE(test.what);
    const TempDir dir;
    spew(dir.path() / (kGoldenKey + ".kv"), test.bytes);
    DiskKvCache cache(dir.path(), kBudget);
    const auto failure = failure_of([&] { std::ignore = cache.load(PromptKey::parse(kGoldenKey)); });
    CHECK(failure.code == test.code);
    CHECK(failure.what.find(kGoldenKey) != std::string::npos);
    CHECK(failure_of([&] { std::ignore = cache.adopt(kGoldenKey + ".kv"); }).code == test.code);
    // By its header and its size, before anything else is read.
    CHECK(failure_of([&] { std::ignore = cache.find(PromptKey::parse(kGoldenKey)); }).code == test.code);
    CHECK_FALSE(cache.find_longest("<|user|>hi<|assistant|> and more"));
    CHECK(cache.list().entries.empty());
    CHECK(cache.list().unreadable.size() == 1);
    cache.evict_to_budget();
    CHECK(slurp(dir.path() / (kGoldenKey + ".kv")) == test.bytes);
    // A save repairs it.
    cache.save(golden_prompt(), as_bytes(kGoldenPayload));
    CHECK(slurp(dir.path() / (kGoldenKey + ".kv")) == good);
    CHECK(cache.list().unreadable.empty());
  }
}

TEST_CASE("a text that is not the key's is damage") {
  const TempDir dir;
  spew(dir.path() / (kGoldenKey + ".kv"), with(from_hex_text(kGoldenHex), 60, "X"));
  DiskKvCache cache(dir.path(), kBudget);
  CHECK(failure_of([&] { std::ignore = cache.load(PromptKey::parse(kGoldenKey)); }).code == Errc::damaged);
  CHECK(failure_of([&] { std::ignore = cache.adopt(kGoldenKey + ".kv"); }).code == Errc::damaged);
  CHECK_FALSE(cache.find_longest("<|user|>hi<|assistant|> and more"));
}

}  // namespace pfcache::test
