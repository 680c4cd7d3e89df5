#include "prompt/prompt_recipes.hpp"

#include "base/directory.hpp"
#include "pfcache/disk_kv_cache.hpp"
#include "prompt/prompt_file.hpp"

namespace pfcache {
namespace {

/// Nothing when it was evicted since the directory was read.
std::optional<std::vector<RecipeChunk>> find_recipe(const Directory& directory, const PromptName& name,
                                                    RecipeParts parts) {
  const std::string file_name = name.file_name();
  const auto fd = directory.find_file(file_name);
  if (!fd) return std::nullopt;
  const std::string path = directory.path_of(file_name);
  const PromptInfo info = read_prompt_info(fd->get(), name, path);
  if (parts == RecipeParts::all) std::ignore = read_prompt_text(fd->get(), info, path);
  return read_recipe(fd->get(), info, path);
}

}  // namespace

void for_each_recipe(const std::filesystem::path& dir, RecipeParts parts,
                     const std::function<void(const PromptKey&, std::span<const RecipeChunk>)>& visit,
                     const std::function<void(const PromptKey&, const Error&)>& refuse) {
  std::error_code none;
  if (!std::filesystem::exists(dir, none) && !none) return;
  const Directory directory = Directory::open(dir);
  for (const std::string& file_name : directory.names()) {
    const auto name = PromptName::parse(file_name);
    if (!name || name->form != PromptForm::recipe) continue;
    std::optional<std::vector<RecipeChunk>> chunks;
    try {
      chunks = find_recipe(directory, *name, parts);
    } catch (const Error& error) {
      refuse(name->key, error);
    }
    if (chunks) visit(name->key, *chunks);
  }
}

void for_each_prompt_chunk(const std::filesystem::path& dir, const std::function<void(const Digest&)>& visit) {
  for_each_recipe(
      dir, RecipeParts::chunks,
      [&](const PromptKey&, std::span<const RecipeChunk> chunks) {
        for (const RecipeChunk& chunk : chunks) visit(chunk.digest);
      },
      [](const PromptKey&, const Error& error) { throw Error(error); });
}

}  // namespace pfcache
