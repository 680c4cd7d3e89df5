// The recipes of a prompt directory, for those who look after the blobs that they are made of.
#pragma once

#include <filesystem>
#include <functional>
#include <span>
#include <string>

#include "pfcache/error.hpp"
#include "prompt/recipe.hpp"

namespace pfcache {

/// Below a store.
inline constexpr const char* kPromptDirectory = "prompt";

enum class RecipeParts {
  chunks,  ///< the list alone
  all,     ///< and the text, checked against the key
};

/// Calls `visit` with each recipe below `dir`, and `refuse` with each of which these parts can't be read; an absent
/// directory has none. Throws: what these do; system errors.
void for_each_recipe(const std::filesystem::path& dir, RecipeParts parts,
                     const std::function<void(const PromptKey&, std::span<const RecipeChunk>)>& visit,
                     const std::function<void(const PromptKey&, const Error&)>& refuse);

}  // namespace pfcache
