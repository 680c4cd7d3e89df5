#include "cli/command.hpp"

namespace pfcache::cli {

CommandGroup prompt_group() {
  return {"prompt",
          "Keep the states of an engine after prompts (KVC files)",
          {prompt_put_command(), prompt_get_command(), prompt_find_command(), prompt_list_command(),
           prompt_evict_command()}};
}

}  // namespace pfcache::cli
