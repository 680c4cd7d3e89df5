#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "cli/finding.hpp"
#include "cli/session.hpp"
#include "cli/text.hpp"

namespace pfcache::cli {
namespace {

constexpr std::array<std::string_view, 3> kVerdicts = {"ok", "warning", "problem"};

std::string_view name_of(Verdict verdict) { return kVerdicts[static_cast<std::size_t>(verdict)]; }

std::uint64_t count(const Findings& findings, Verdict verdict) {
  return static_cast<std::uint64_t>(std::ranges::count(findings, verdict, &Finding::verdict));
}

void print_text(const Findings& findings, const Session& session) {
  for (const Finding& finding : findings) {
    const std::string fix = finding.fix.empty() ? "" : "; try: " + finding.fix;
    session.out() << fmt::format("{:<8} {}: {}\n", name_of(finding.verdict), finding.subject,
                                 printable(finding.text + fix));
  }
}

void print_record(const Findings& findings, const Session& session) {
  JsonWriter json;
  json.begin_object().key("findings").begin_array();
  for (const Finding& finding : findings) {
    json.begin_object().field("verdict", name_of(finding.verdict)).field("subject", finding.subject);
    json.field("text", as_utf8(finding.text)).field("fix", as_utf8(finding.fix)).end_object();
  }
  json.end_array().field("problems", count(findings, Verdict::problem));
  session.print(json.field("warnings", count(findings, Verdict::warning)).end_object());
}

int run_doctor(const Session& session) {
  Findings findings;
  for (const auto examine : {examine_mounting, examine_resources, examine_configuration, examine_store}) {
    examine(session, findings);
  }
  if (session.json()) {
    print_record(findings, session);
  } else {
    print_text(findings, session);
  }
  const std::uint64_t problems = count(findings, Verdict::problem);
  session.note(
      fmt::format("{}, {}", counted(problems, "problem"), counted(count(findings, Verdict::warning), "warning")));
  return problems == 0 ? kDone : kFailed;
}

}  // namespace

Command doctor_command() {
  return {"doctor", "Look for what keeps pfcache from working well",
          "A line for each thing that was looked at, with what to try where it isn't ok: the\n"
          "kernel, libfuse and passthrough, this machine, the configuration, the store. Works\n"
          "without a store and changes nothing. Exit status 1 when there is a problem, 0 when\n"
          "there are warnings at most.",
          "pfcache doctor", [](ArgumentTable&) { return run_doctor; }};
}

}  // namespace pfcache::cli
