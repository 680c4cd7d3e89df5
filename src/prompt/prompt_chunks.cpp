#include <fmt/format.h>

#include "base/directory.hpp"
#include "pfcache/disk_kv_cache.hpp"
#include "pfcache/error.hpp"
#include "prompt/recipe.hpp"

namespace pfcache {

void for_each_prompt_chunk(const std::filesystem::path& dir, const std::function<void(const Digest&)>& visit) {
  std::error_code none;
  if (!std::filesystem::exists(dir, none) && !none) return;
  const Directory directory = Directory::open(dir);
  for (const std::string& file_name : directory.names()) {
    const auto name = PromptName::parse(file_name);
    if (!name || name->form != PromptForm::recipe) continue;
    const auto fd = directory.find_file(file_name);
    if (!fd) continue;  // evicted since the directory was read
    const std::string path = directory.path_of(file_name);
    const PromptInfo info = read_prompt_info(fd->get(), *name, path);
    for (const RecipeChunk& chunk : read_recipe(fd->get(), info, path)) visit(chunk.digest);
  }
}

}  // namespace pfcache
