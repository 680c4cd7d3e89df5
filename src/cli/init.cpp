#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "cli/session.hpp"
#include "cli/text.hpp"
#include "pfcache/error.hpp"
#include "pfcache/unique_fd.hpp"

namespace pfcache::cli {
namespace {

struct InitArguments {
  std::optional<Profile> profile;
};

Profile parse_profile(std::string_view text) {
  if (text == "auto") return Profile::automatic;
  if (text == "pf-core") return Profile::pf_core;
  throw Error(Errc::invalid_argument, fmt::format("--profile: expected auto or pf-core, found '{}'", text));
}

/// Makes `directory` and what is missing above it, each entry durable: the user's data directory on a fresh account.
void make_directories(const std::filesystem::path& directory) {
  if (directory.empty() || std::filesystem::exists(directory)) return;
  make_directories(directory.parent_path());
  std::filesystem::create_directory(directory);
  const UniqueFd parent(::open(directory.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!parent || ::fsync(parent.get()) != 0) {
    throw Error::from_last_errno("cannot sync " + directory.parent_path().native());
  }
}

int run_init(const InitArguments& arguments, const Session& session) {
  const std::filesystem::path path = session.store_path();
  if (session.config().value(Setting::store).layer == ConfigLayer::built_in) make_directories(path.parent_path());
  const Store store = Store::init(path, arguments.profile);
  const char* profile = store.profile() == Profile::pf_core ? "pf-core" : "auto";
  if (session.json()) {
    JsonWriter record;
    record.begin_object().field("store", as_utf8(path.native())).field("profile", profile);
    session.print(record.end_object());
  } else {
    session.note(fmt::format("{} is a store, profile {}", path.native(), profile));
  }
  return kDone;
}

}  // namespace

Command init_command() {
  return {"init", "Make a directory a store",
          "A directory that is a store already stays as it is. With --profile pf-core\n"
          "everything is written so that pf-core 1.0 can read it.",
          "pfcache --store /srv/kv init", [](ArgumentTable& table) {
            auto arguments = std::make_shared<InitArguments>();
            table.option("--profile", "auto|pf-core", "how blobs are written",
                         [arguments](std::string_view text) { arguments->profile = parse_profile(text); });
            return [arguments](const Session& session) { return run_init(*arguments, session); };
          }};
}

}  // namespace pfcache::cli
