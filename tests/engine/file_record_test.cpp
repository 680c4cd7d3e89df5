#include "engine/file_record.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <filesystem>

#include "engine/state_builder.hpp"
#include "pfcache/sha256.hpp"
#include "support/temp_dir.hpp"

namespace pfcache {
namespace {

Digest digest_of(std::string_view text) { return sha256(std::as_bytes(std::span(text.data(), text.size()))); }

FileRecord make_record(const std::string& name, std::string_view content = "content") {
  return {name, std::string(kLlamaStateFormat), digest_of(content), 1000, digest_of("s"), digest_of("r"), 40, "f16"};
}

bool same(const FileRecord& a, const FileRecord& b) { return a.name == b.name && to_json(a) == to_json(b); }

std::error_code refusal(const std::string& json) {
  try {
    static_cast<void>(parse_file_record(json, "name", "files/name.json"));
  } catch (const Error& error) {
    return error.code();
  }
  return {};
}

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  const auto at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

TEST_CASE("a record is written in one form and read back") {
  const FileRecord record = make_record("chat");
  const std::string json = to_json(record);
  CHECK(json == "{\"format_version\":1,\"format\":\"llama.cpp-sequence-state\",\"file\":\"" + record.file.text() +
                    "\",\"file_bytes\":1000,\"snapshot\":\"" + record.snapshot.text() + "\",\"surroundings\":\"" +
                    record.surroundings.text() + "\",\"surroundings_bytes\":40,\"element\":\"f16\"}");
  CHECK(same(parse_file_record(json, "chat", "files/chat.json"), record));
}

TEST_CASE("a record that is not one is refused") {
  const std::string json = to_json(make_record("chat"));
  CHECK(refusal(json) == std::error_code());
  for (const std::string_view key : {"format_version", "format", "file", "file_bytes", "snapshot", "surroundings",
                                     "surroundings_bytes", "element"}) {
    CHECK(refusal(replaced(json, fmt::format("\"{}\":", key), "\"other\":")) == Errc::malformed);
  }
  CHECK(refusal(replaced(json, "\"format_version\":1", "\"format_version\":2")) == Errc::unsupported);
  CHECK(refusal(replaced(json, "sha256:", "sha512:")) == Errc::malformed);
  CHECK(refusal(replaced(json, "\"file_bytes\":1000", "\"file_bytes\":-1")) == Errc::malformed);
  CHECK(refusal(replaced(json, "\"file_bytes\":1000", "\"file_bytes\":9223372036854775808")) == Errc::malformed);
  CHECK(refusal(replaced(json, "\"surroundings_bytes\":40", "\"surroundings_bytes\":1001")) == Errc::malformed);
  CHECK(refusal(replaced(json, "{\"format_version\":1", "{\"element\":\"f16\",\"format_version\":1")) ==
        Errc::malformed);
  CHECK(refusal(json + "x") == Errc::malformed);
  CHECK(refusal("") == Errc::malformed);
  CHECK(refusal("[]") == Errc::malformed);
}

TEST_CASE("a file's name becomes a valid one") {
  const std::string hex(64, 'a');
  CHECK(record_name_of("/tmp/chat 1 (ä).bin") == "chat-1-----.bin");
  CHECK(record_name_of("..hidden") == "hidden");
  CHECK(record_name_of("/tmp/...") == "file");
  CHECK(record_name_of("/tmp/") == "file");
  CHECK(record_name_of(hex) == "file-" + hex);
  CHECK(record_name_of(std::string(200, 'x')) == std::string(128, 'x'));
  CHECK(is_valid_name(record_name_of(std::string(200, '\x01'))));
}

TEST_CASE("records are found by name, listed in order and removed") {
  const test::TempDir dir;
  Store store = Store::init(dir.path() / "store");
  CHECK(list_file_records(store).empty());
  CHECK_FALSE(find_file_record(store, "b").has_value());
  for (const std::string name : {"b", "a", "c.bin"}) publish_file_record(store, make_record(name));

  const auto records = list_file_records(store);
  REQUIRE(records.size() == 3);
  CHECK(same(records[0], make_record("a")));
  CHECK(same(records[1], make_record("b")));
  CHECK(same(records[2], make_record("c.bin")));
  CHECK(same(find_file_record(store, "b").value(), make_record("b")));
  CHECK(remove_file_record(store, "b"));
  CHECK_FALSE(remove_file_record(store, "b"));
  CHECK_FALSE(find_file_record(store, "b").has_value());
}

TEST_CASE("names that lead out of the directory find and remove nothing") {
  const test::TempDir dir;
  Store store = Store::init(dir.path() / "store");
  publish_file_record(store, make_record("a"));
  const std::string json = to_json(make_record("evil"));
  test::write_file(dir.path() / "store" / "evil.json", std::as_bytes(std::span(json)));
  for (const std::string_view name : {"../evil", "", ".", "..", "a/../a", "./a"}) {
    CHECK_FALSE(find_file_record(store, name).has_value());
    CHECK_FALSE(remove_file_record(store, name));
  }
  CHECK(std::filesystem::exists(dir.path() / "store" / "evil.json"));
}

TEST_CASE("other files beside the records are left out, a damaged record is not") {
  const test::TempDir dir;
  Store store = Store::init(dir.path() / "store");
  publish_file_record(store, make_record("a"));
  const auto files = dir.path() / "store" / "files";
  for (const char* name : {".tmp-0123456789abcdef", "notes.txt", ".hidden.json"}) test::write_file(files / name, {});
  CHECK(list_file_records(store).size() == 1);
  test::write_file(files / "torn.json", {});
  CHECK_THROWS_AS(static_cast<void>(list_file_records(store)), Error);
}

TEST_CASE("a record for other bytes is kept aside under its digest") {
  const test::TempDir dir;
  Store store = Store::init(dir.path() / "store");
  const std::string name(128, 'n');
  const FileRecord first = make_record(name, "first");
  publish_file_record(store, first);
  publish_file_record(store, first);
  CHECK(list_file_records(store).size() == 1);

  publish_file_record(store, make_record(name, "second"));
  FileRecord aside = first;
  aside.name = std::string(115, 'n') + "." + first.file.hex().substr(0, 12);
  REQUIRE(list_file_records(store).size() == 2);
  CHECK(same(find_file_record(store, aside.name).value(), aside));
  CHECK(same(find_file_record(store, name).value(), make_record(name, "second")));
}

}  // namespace
}  // namespace pfcache
