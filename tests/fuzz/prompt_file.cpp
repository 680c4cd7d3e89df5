// A file under a prompt's name: it is refused, or what it says of itself fits it. Whole files and recipes.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>

#include "fuzz/driver.hpp"
#include "pfcache/error.hpp"
#include "pfcache/prompt_file.hpp"
#include "pfcache/unique_fd.hpp"
#include "prompt/prompt_file.hpp"
#include "prompt/prompt_header.hpp"

namespace {

void check(int fd, pfcache::PromptForm form) {
  using namespace pfcache;
  try {
    const PromptInfo info = read_prompt_info(fd, {PromptKey(), form}, "input");
    const std::uint64_t text_end = body_offset(info);
    if (text_end > info.file_bytes || info.trailer_bytes > info.file_bytes - text_end) std::abort();
    if (form == PromptForm::whole && text_end + info.header.payload_bytes + info.trailer_bytes != info.file_bytes) {
      std::abort();
    }
    // What was understood is written as it was read.
    const auto again = decode_prompt_header(encode_prompt_header(info.header, form), form, "again");
    if (again != info.header) std::abort();
    std::ignore = validate_prompt_file(fd, {PromptKey(), form}, "input");
  } catch (const Error&) {
    // Refused: as good as any answer.
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const pfcache::UniqueFd fd(::memfd_create("input", MFD_CLOEXEC));
  if (!fd || (size > 0 && ::write(fd.get(), data, size) != static_cast<ssize_t>(size))) std::abort();
  check(fd.get(), pfcache::PromptForm::whole);
  check(fd.get(), pfcache::PromptForm::recipe);
  return 0;
}
