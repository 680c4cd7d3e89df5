#include <doctest/doctest.h>

#include "pfcache/manifest.hpp"
#include "snapshot/snapshot_support.hpp"

namespace pfcache::test {
namespace {

const std::string kK = "sha256:" + std::string(64, 'a');
const std::string kV = "sha256:" + std::string(64, 'b');

std::string page(const std::string& ix, const std::string& k, const std::string& v) {
  return R"({"ix":)" + ix + R"(,"k":")" + k + R"(","v":")" + v + "\"}";
}

/// A manifest with one part replaced.
std::string with(std::string_view part, const std::string& replacement) {
  std::string json =
      R"({"layout":"paged-batchinvariant-v1","page_size_tokens":4,"n_layers":2,"n_heads":2,"head_dim":4,)"
      R"("dtype":"bf16","pages":[)" +
      page("0", kK, kV) + R"(],"logical_seqs":[{"id":"s","page_ixs":[0],"fill_in_last_page":2}]})";
  const auto at = json.find(part);
  REQUIRE_MESSAGE(at != std::string::npos, part);
  return json.replace(at, part.size(), replacement);
}

struct Refused {
  std::string json;
  std::string_view names;  // what the message must say
};

}  // namespace

TEST_CASE("a manifest is read in any key order, with white space and unknown fields") {
  const PageManifest expected = PageManifest::parse(with("{", "{"));
  const std::string json =
      "\n{ \"pages\" : [ {\"v\":\"" + kV + "\", \"extra\":{\"x\":[1]}, \"k\":\"" + kK +
      "\",\"ix\":0} ],\r\n\t\"logical_seqs\":[{\"fill_in_last_page\":2,\"page_ixs\":[ 0 ],\"id\":\"\\u0073\"}],"
      "\"dtype\":\"bf16\",\"head_dim\":4,\"n_heads\":2,\"n_layers\":2,\"page_size_tokens\":4,"
      "\"unknown\":null,\"layout\":\"paged-batchinvariant-v1\"} \n";
  CHECK(PageManifest::parse(json) == expected);
}

TEST_CASE("the dialect of the vLLM and SGLang adapters is read: sorted keys, a name, no sequences") {
  const std::string json =
      R"({"dtype":"bf16","head_dim":4,"layout":"paged-batchinvariant-v1","n_heads":2,"n_layers":2,)"
      R"("name":"fork-1","page_size_tokens":4,"pages":[{"ix":3,"k":")" +
      kK + R"(","v":")" + kV + "\"}]}";
  const PageManifest manifest = PageManifest::parse(json);
  CHECK(manifest.meta == kSmall);
  REQUIRE(manifest.pages.size() == 1);
  CHECK(manifest.pages[0] == PageEntry{PageIndex{3}, Digest::parse(kK), Digest::parse(kV)});
  CHECK(manifest.logical_seqs.empty());
}

TEST_CASE("what pf-cache writes although it is odd is read: a repeated ix, an absent page, too many tokens") {
  CHECK(PageManifest::parse(with(page("0", kK, kV), page("0", kK, kV) + "," + page("0", kV, kK))).pages.size() == 2);
  CHECK(PageManifest::parse(with("\"page_ixs\":[0]", "\"page_ixs\":[9]")).problems().size() == 1);
  CHECK(PageManifest::parse(with("\"fill_in_last_page\":2", "\"fill_in_last_page\":5")).problems().size() == 1);
}

TEST_CASE("deserialize_rejects_wrong_layout") {
  const auto failure =
      failure_of([] { std::ignore = PageManifest::parse(with("paged-batchinvariant-v1", "paged-v2")); });
  CHECK(failure.code == Errc::malformed);
  CHECK(names(failure, "layout"));
  CHECK(names(failure, "paged-v2"));
}

TEST_CASE("a manifest that breaks a rule is refused, and the message names the field") {
  const std::string long_hex(65, 'a');
  const std::vector<Refused> table = {
      {with(R"("layout":"paged-batchinvariant-v1",)", ""), "'layout' is missing"},
      {with(R"("page_size_tokens":4,)", ""), "'page_size_tokens' is missing"},
      {with(R"("n_layers":2,)", ""), "'n_layers' is missing"},
      {with(R"("n_heads":2,)", ""), "'n_heads' is missing"},
      {with(R"("head_dim":4,)", ""), "'head_dim' is missing"},
      {with(R"("dtype":"bf16",)", ""), "'dtype' is missing"},
      {with(R"("pages":[)" + page("0", kK, kV) + "],", ""), "'pages' is missing"},
      {with(R"("ix":0,)", ""), "pages[0]: field 'ix' is missing"},
      {with(R"("k":")" + kK + "\",", ""), "pages[0]: field 'k' is missing"},
      {with(R"(,"v":")" + kV + "\"", ""), "pages[0]: field 'v' is missing"},
      {with(R"("id":"s",)", ""), "logical_seqs[0]: field 'id' is missing"},
      {with(R"("page_ixs":[0],)", ""), "logical_seqs[0]: field 'page_ixs' is missing"},
      {with(R"(,"fill_in_last_page":2)", ""), "logical_seqs[0]: field 'fill_in_last_page' is missing"},
      {with("\"bf16\"", "\"bf17\""), "'dtype'"},
      {with("\"bf16\"", "\"BF16\""), "'dtype'"},
      {with("\"bf16\"", "7"), "'dtype'"},
      {with("{", R"({"layout":"paged-batchinvariant-v1",)"), "'layout' appears twice"},
      {with("{", R"({"pages":[],)"), "'pages' appears twice"},
      {with("\"ix\":0", R"("ix":0,"ix":0)"), "'ix' appears twice"},
      {with("\"id\":\"s\"", R"("id":"s","id":"s")"), "'id' appears twice"},
      {with("\"n_layers\":2", "\"n_layers\":4294967296"), "'n_layers'"},
      {with("\"n_layers\":2", "\"n_layers\":18446744073709551616"), "'n_layers'"},
      {with("\"n_layers\":2", "\"n_layers\":-1"), "'n_layers'"},
      {with("\"n_layers\":2", "\"n_layers\":2.0"), "'n_layers'"},
      {with("\"n_layers\":2", "\"n_layers\":2e0"), "'n_layers'"},
      {with("\"n_layers\":2", "\"n_layers\":\"2\""), "'n_layers'"},
      {with("\"n_layers\":2", "\"n_layers\":null"), "'n_layers'"},
      {with("\"n_layers\":2", "\"n_layers\":true"), "'n_layers'"},
      {with("\"ix\":0", "\"ix\":4294967296"), "pages[0]: field 'ix'"},
      {with("\"page_ixs\":[0]", "\"page_ixs\":[0,-1]"), "'page_ixs'"},
      {with("\"page_ixs\":[0]", "\"page_ixs\":[0.5]"), "'page_ixs'"},
      {with("\"page_ixs\":[0]", "\"page_ixs\":0"), "'page_ixs'"},
      {with("\"fill_in_last_page\":2", "\"fill_in_last_page\":[]"), "'fill_in_last_page'"},
      {with("\"id\":\"s\"", "\"id\":1"), "'id'"},
      {with("[{\"ix\"", "[7,{\"ix\""), "pages[0]"},
      {with(R"([{"id")", R"([null,{"id")"), "logical_seqs[0]"},
      {with("[{\"id\":\"s\",\"page_ixs\":[0],\"fill_in_last_page\":2}]", "{}"), "'logical_seqs'"},
      {with("[{\"id\":\"s\",\"page_ixs\":[0],\"fill_in_last_page\":2}]", "null"), "'logical_seqs'"},
      {with(kK, ""), "pages[0]: field 'k'"},
      {with(kK, "sha256:"), "pages[0]: field 'k'"},
      {with(kK, "sha256:" + std::string(64, 'A')), "pages[0]: field 'k'"},
      {with(kK, std::string(64, 'a')), "pages[0]: field 'k'"},
      {with(kK, "sha256:" + std::string(63, 'a')), "pages[0]: field 'k'"},
      {with(kK, "sha256:" + long_hex), "pages[0]: field 'k'"},
      {with(kK, "sha512:" + std::string(64, 'a')), "pages[0]: field 'k'"},
      {with(kV, "sha256:sha256:" + std::string(57, 'a')), "pages[0]: field 'v'"},
      {with(kV, "../../x"), "pages[0]: field 'v'"},
      {with(kV, "sha256:../../../../" + std::string(52, 'a')), "pages[0]: field 'v'"},
      {with("\"head_dim\":4", "\"head_dim\":4294967295") + "", "head_dim"},
  };
  for (const Refused& refused : table) {
    CAPTURE(refused.json);
    const auto failure = failure_of([&] { std::ignore = PageManifest::parse(refused.json, "m.json"); });
    CHECK(((failure.code == Errc::malformed) || (failure.code == Errc::too_large)));
    CHECK_MESSAGE(names(failure, refused.names), failure.what);
    CHECK_MESSAGE(names(failure, "m.json"), failure.what);
  }
}

TEST_CASE("what is not one JSON object is refused") {
  const std::string good = with("{", "{");
  for (const std::string& json :
       {std::string(), std::string("null"), std::string("[]"), std::string("7"), good + "x", good + good,
        good.substr(0, good.size() - 1), good + std::string(1, '\0'), with("\"id\":\"s\"", "\"id\":\"\xff\""),
        with("\"id\":\"s\"", "\"id\":\"\n\""), with("\"id\":\"s\"", "\"id\":\"\\ud800\""), std::string(2000, '[')}) {
    CAPTURE(json);
    CHECK(failure_of([&] { std::ignore = PageManifest::parse(json); }).code == Errc::malformed);
  }
}

TEST_CASE("a geometry that overflows is malformed, one above the limit is too large") {
  std::string json =
      with("\"page_size_tokens\":4,\"n_layers\":2,\"n_heads\":2,\"head_dim\":4",
           "\"page_size_tokens\":4294967295,\"n_layers\":4294967295,\"n_heads\":4294967295,\"head_dim\":1");
  auto failure = failure_of([&] { std::ignore = PageManifest::parse(json); });
  CHECK(failure.code == Errc::malformed);
  CHECK(names(failure, "page_size_tokens"));
  json = with("\"page_size_tokens\":4", "\"page_size_tokens\":4294967295");
  failure = failure_of([&] { std::ignore = PageManifest::parse(json); });
  CHECK(failure.code == Errc::too_large);
  CHECK(names(failure, "page_size_tokens"));
}

TEST_CASE("a draft may leave out pages, or digests, and nothing else") {
  const ManifestDraft whole = ManifestDraft::parse(with("{", "{"));
  CHECK(whole.is_complete());
  REQUIRE(whole.pages.has_value());
  CHECK(whole.pages->front().k == Digest::parse(kK));
  CHECK(whole.logical_seqs.size() == 1);

  const ManifestDraft without_pages = ManifestDraft::parse(with(R"("pages":[)" + page("0", kK, kV) + "],", ""));
  CHECK_FALSE(without_pages.pages.has_value());
  CHECK_FALSE(without_pages.is_complete());

  const ManifestDraft without_k = ManifestDraft::parse(with(R"("k":")" + kK + "\",", ""));
  CHECK_FALSE(without_k.is_complete());
  CHECK_FALSE(without_k.pages->front().k.has_value());
  CHECK(without_k.pages->front().v == Digest::parse(kV));

  CHECK(names(failure_of([] { std::ignore = ManifestDraft::parse(with("\"ix\":0,", "")); }), "'ix'"));
  CHECK(names(failure_of([] { std::ignore = ManifestDraft::parse(with(kK, "sha256:")); }), "'k'"));
  CHECK(names(failure_of([] { std::ignore = ManifestDraft::parse(with("\"n_heads\":2,", "")); }), "'n_heads'"));
}

TEST_CASE("a draft of no pages is complete, and not a draft without pages") {
  const ManifestDraft draft = ManifestDraft::parse(with(page("0", kK, kV), ""));
  CHECK(draft.is_complete());
  CHECK(draft.pages->empty());
}

}  // namespace pfcache::test
