#include <doctest/doctest.h>

#include "base/bytes.hpp"
#include "base/json_reader.hpp"
#include "cli/runner.hpp"
#include "pfcache/sha256.hpp"

using namespace pfcache::test;
using pfcache::JsonDocument;
using pfcache::JsonObject;

TEST_CASE("show describes a snapshot") {
  const Runner runner;
  runner.must({"capture", "synthetic:8:99", "--name", "prod"});
  const std::string text = runner.must({"show", "prod"});
  CHECK(text.starts_with(std::string("snapshot   ") + kG2 + "\nnames      prod\nsealed     20"));
  CHECK(text.find(" by pfcache " PFCACHE_VERSION " from synthetic:8:99\n") != std::string::npos);
  CHECK(text.find("geometry   4 tokens a page, 2 layers, 2 KV heads, 4 elements a head, bf16\n") != std::string::npos);
  CHECK(text.find("pages      8 of 2 x 128 B: 2.0 KiB\n") != std::string::npos);
  // Seven full pages of four tokens and a half-full one.
  CHECK(text.find("tokens     30 in 1 sequence\n") != std::string::npos);
  CHECK(text.find(" in 17 blobs\n") != std::string::npos);
  CHECK(text.find("'seq-seed-0000000000000063': 30 tokens in 8 pages") != std::string::npos);
}

TEST_CASE("the record of a snapshot has its numbers in bytes") {
  const Runner runner;
  runner.must({"capture", session(399), "--name", "s"});
  const std::string text = runner.must({"--json", "show", "s"});
  const JsonDocument document(text, "show");
  const JsonObject root = document.root();
  CHECK(root.u64("pages") == 25);
  CHECK(root.u64("page_bytes") == 16384);
  CHECK(root.u64("logical_bytes") == 25 * 32768);
  CHECK(root.u64("tokens") == 399);
  CHECK(root.u64("missing_blobs") == 0);
  CHECK(root.u64("stored_bytes") > 0);
  CHECK(root.array("problems").size() == 0);
  root.array("files").for_each_object([](const JsonObject& file) {
    CHECK(file.text("name") == "s");
    CHECK(file.u64("file_bytes") == 823660);
    CHECK(file.text("element") == "f16");
  });
}

TEST_CASE("show --manifest gives the exact bytes, and on a terminal a new line") {
  const Runner runner;
  runner.must({"capture", "synthetic:8:99"});
  const Result exact = runner.run({"show", kG2, "--manifest"});
  CHECK(exact.out.size() == 1543);
  CHECK(runner.run({"show", kG2, "--manifest"}, {.out_is_terminal = true}).out == exact.out + "\n");
  CHECK(runner.run({"--json", "show", kG2, "--manifest"}).out == exact.out);
}

TEST_CASE("problems of a manifest are shown, and control characters of its ids are not obeyed") {
  const Runner runner;
  std::filesystem::create_directories(runner.path("dir/pages"));
  // With its digests a manifest is taken as it is.
  const auto digest = [](const std::string& bytes) { return pfcache::sha256(pfcache::as_bytes(bytes)).text(); };
  write_file(runner.path("dir/manifest.json"),
             R"({"layout":"paged-batchinvariant-v1","page_size_tokens":1,"n_layers":1,"n_heads":1,"head_dim":1,)"
             R"("dtype":"bf16","pages":[{"ix":0,"k":")" +
                 digest("kk") + R"(","v":")" + digest("vv") +
                 R"("}],"logical_seqs":[{"id":"a\u001b[2Jb","page_ixs":[7],"fill_in_last_page":9}]})");
  write_file(runner.path("dir/pages/0000"), "kkvv");
  const std::string hex = runner.must({"capture", runner.path("dir")});
  const std::string text = runner.must({"show", hex});
  CHECK(text.find("'a\\x1b[2Jb': 9 tokens in 1 page") != std::string::npos);
  CHECK(text.find("\nproblem    ") != std::string::npos);
  CHECK(text.find('\x1b') == std::string::npos);
}

TEST_CASE("a missing blob is damage, and so is a broken manifest") {
  const Runner runner;
  runner.must({"capture", "synthetic:8:99"});
  for (const auto& path : runner.blobs()) {
    if (path.stem() != kG2) {
      std::filesystem::remove(path);
      break;
    }
  }
  const Result result = runner.run({"show", kG2});
  CHECK(result.status == 13);
  CHECK(result.out.find("missing    1 blob\n") != std::string::npos);
  damage(runner.blob(kG2));
  CHECK(runner.run({"show", kG2}).status == 13);
}

TEST_CASE("a snapshot that is not here is not shown") {
  const Runner runner;
  CHECK(runner.run({"show", kG2}).status == 10);
  CHECK(runner.run({"show", "nobody"}).status == 10);
}
