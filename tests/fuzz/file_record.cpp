// A record is refused, or written again it says the same.
#include "engine/file_record.hpp"

#include <cstdlib>

#include "fuzz/driver.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pfcache;
  try {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const std::string json = to_json(parse_file_record(text, "name", "input"));
    if (to_json(parse_file_record(json, "name", "again")) != json) std::abort();
  } catch (const Error&) {
    // Refused: as good as any answer.
  }
  return 0;
}
