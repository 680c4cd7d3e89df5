#include <fmt/format.h>

#include <cstring>
#include <exception>
#include <system_error>

#include "cli/command_line.hpp"
#include "cli/environment.hpp"
#include "cli/session.hpp"
#include "cli/text.hpp"
#include "pfcache/error.hpp"

namespace pfcache::cli {
namespace {

/// What went wrong, as a script wants to know it: a word or an errno's name.
std::string code_name(const std::error_code& code) {
  if (code.category() == error_category()) return code.message();
  const char* name = ::strerrorname_np(errno_of(code));
  return name != nullptr ? name : "unknown";
}

/// The system's wording, except where "invalid argument" behind a message that says what was expected is noise.
std::string message_of(const std::system_error& error) {
  return error.code() == Errc::invalid_argument ? reason_of(error) : error.what();
}

struct Failure {
  std::string message;
  std::string code;
  int exit_status = kFailed;
};

Failure describe(const std::system_error& error, const Environment& environment) {
  if (error.code() == Errc::interrupted && environment.stop.stop_requested()) {
    return {"interrupted", code_name(error.code()), 128 + environment.stop_signal()};
  }
  return {message_of(error), code_name(error.code()), exit_status_of(error.code())};
}

int report(const Failure& failure, bool json, Environment& environment) {
  environment.err << "pfcache: " << printable(failure.message) << '\n';
  if (json) {
    JsonWriter record;
    record.begin_object().key("error").begin_object();
    record.field("message", as_utf8(failure.message)).field("code", failure.code);
    record.field("exit_status", failure.exit_status).end_object().end_object();
    environment.out << record.text() << '\n';
  }
  return failure.exit_status;
}

}  // namespace

int run_pfcache(std::span<const std::string> args, Environment& environment) {
  bool json = asks_for_json(args);
  try {
    CommandLine line = parse_command_line(args);
    json = line.global.json || json;
    if (!line.run) {
      environment.out << line.text;
      return kDone;
    }
    Session session(std::move(line.global), environment);
    return line.run(session);
  } catch (const std::system_error& error) {
    return report(describe(error, environment), json, environment);
  } catch (const std::bad_alloc&) {
    return report({"out of memory", "ENOMEM"}, json, environment);
  } catch (const std::exception& error) {
    return report({error.what(), "failed"}, json, environment);
  }
}

}  // namespace pfcache::cli
