#include "fuse/completion.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "fuse/option_table.hpp"

namespace pfcache::fuse {
namespace {

using Word = std::pair<std::string_view, std::string_view>;  // and what it is

constexpr std::array<Word, 11> kFlags = {{{"-f", "check everything, but don't mount"},
                                          {"-n", "accepted, without effect"},
                                          {"-s", "ignore options that are not known"},
                                          {"-v", "say what is done"},
                                          {"-N", "mount in this mount namespace"},
                                          {"-t", "pfcache or fuse.pfcache"},
                                          {"-o", "mount options"},
                                          {"-h", "help"},
                                          {"--help", "help"},
                                          {"-V", "version"},
                                          {"--version", "version"}}};
constexpr std::array<Word, 2> kTypes = {{{"pfcache", "type"}, {"fuse.pfcache", "type"}}};

/// Takes what stands before `mark` off `text`, all of it when there is none.
std::string_view take_until(std::string_view& text, char mark) {
  const std::size_t end = std::min(text.find(mark), text.size());
  const std::string_view taken = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return taken;
}

class Answer {
 public:
  explicit Answer(std::string_view typed) : typed_(typed) {}

  void expect(std::string_view kind) { kind_ = kind; }

  void offer(std::string_view text, std::string_view about) {
    if (text.starts_with(typed_)) lines_ += fmt::format("{}\t{}\n", text, about);
  }

  void offer(std::span<const Word> words) {
    for (const auto& [text, about] : words) offer(text, about);
  }

  [[nodiscard]] std::string text() const { return fmt::format("{}\n{}", kind_, lines_); }

 private:
  std::string_view typed_;
  std::string_view kind_ = "words";
  std::string lines_;
};

bool is_among(std::string_view name, std::string_view list) {
  while (!list.empty()) {
    std::string_view setting = take_until(list, ',');
    if (take_until(setting, '=') == name) return true;
  }
  return false;
}

void offer_values(std::string_view before, std::string_view name, Answer& answer) {
  const MountOption* option = find_mount_option(name);
  std::string_view words = option == nullptr ? std::string_view() : option->words;
  while (!words.empty()) {
    const std::string_view word = take_until(words, '|');
    if (word == "DIR") {
      answer.expect("list-directories");
    } else {
      answer.offer(fmt::format("{}{}={}", before, name, word), "value");
    }
  }
}

/// Words for other readers of fstab(5) do nothing here, and are not offered.
void offer_options(std::string_view typed, Answer& answer) {
  const std::size_t last = typed.rfind(',') + 1;  // 0 when there is none
  const std::string_view before = typed.substr(0, last);
  answer.expect("list");
  if (const std::size_t equals = typed.find('=', last); equals != std::string_view::npos) {
    return offer_values(before, typed.substr(last, equals - last), answer);
  }
  for (const MountOption& option : mount_option_table()) {
    if (option.kind == OptionKind::ignored || is_among(option.name, before)) continue;
    std::string about(option.kind == OptionKind::ours ? option.help : "as for every mount");
    std::ranges::replace(about, '\n', ' ');
    answer.offer(fmt::format("{}{}{}", before, option.name, option.value.empty() ? "" : "="), about);
  }
}

/// Walks the words before the one that is being typed.
class Walk {
 public:
  void take(std::string_view word) {
    if (std::exchange(waiting_, 0) != 0) return;
    if (only_operands_ || word.size() < 2 || word[0] != '-') {
      ++operands_;
    } else if (word == "--") {
      only_operands_ = true;
    } else if (const std::size_t at = word.find_first_of("otN"); word[1] != '-' && at == word.size() - 1) {
      waiting_ = word[at];
    }
  }

  void offer(std::string_view typed, Answer& answer) const {
    constexpr std::size_t kOperands = 2;
    if (waiting_ == 'o') return offer_options(typed, answer);
    if (waiting_ == 't') return answer.offer(kTypes);
    if (waiting_ == 'N') return answer.expect("files");
    if (typed.starts_with('-') && !only_operands_) return answer.offer(kFlags);
    if (operands_ < kOperands) answer.expect("directories");
  }

 private:
  char waiting_ = 0;  // a letter, for its argument
  std::size_t operands_ = 0;
  bool only_operands_ = false;  // behind --
};

}  // namespace

std::string complete(std::span<const std::string_view> words) {
  const std::string_view typed = words.empty() ? std::string_view() : words.back();
  Answer answer(typed);
  Walk walk;
  for (const std::string_view word : words.first(words.empty() ? 0 : words.size() - 1)) walk.take(word);
  walk.offer(typed, answer);
  return answer.text();
}

}  // namespace pfcache::fuse
