#include "cli/completion.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

namespace pfcache::cli {
namespace {

/// By the word that the help has for a value.
constexpr std::array<std::pair<std::string_view, Expected>, 9> kKinds = {{{"DIR", Expected::directories},
                                                                          {"FILE", Expected::files},
                                                                          {"SOURCE", Expected::files},
                                                                          {"DEST", Expected::files},
                                                                          {"SNAPSHOT", Expected::snapshots},
                                                                          {"A", Expected::snapshots},
                                                                          {"B", Expected::snapshots},
                                                                          {"NAME", Expected::names},
                                                                          {"SETTING", Expected::settings}}};

Expected expected_of(std::string_view value) {
  const auto found = std::ranges::find(kKinds, value, &std::pair<std::string_view, Expected>::first);
  return found == kKinds.end() ? Expected::words : found->second;
}

/// Walks the words before the one that is being typed.
class Walk {
 public:
  explicit Walk(const CommandShape& program) : at_(&program) {}

  void take(const std::string& word) {
    if (waiting_ != nullptr) {
      if (word == "=") return;  // as bash splits --store=DIR
      take_value(*std::exchange(waiting_, nullptr), word);
    } else if (word == "--" || only_arguments_) {
      arguments_ += only_arguments_ ? 1 : 0;
      only_arguments_ = true;
    } else if (word.starts_with('-')) {
      take_option(word);
    } else if (const CommandShape* command = find_command(word)) {
      at_ = command;
    } else {
      ++arguments_;
    }
  }

  [[nodiscard]] Completion offer(const std::string& word) const {
    Completion completion;
    completion.store = store_;
    if (waiting_ != nullptr) {
      offer_value(waiting_->value, word == "=" ? "" : word, completion);
    } else if (word.starts_with('-') && !only_arguments_) {
      for (const OptionShape& option : at_->options) add(option.name, option.help, word, completion);
    } else if (!at_->commands.empty()) {
      for (const CommandShape& command : at_->commands) add(command.name, command.summary, word, completion);
    } else if (!at_->arguments.empty()) {
      const std::size_t last = at_->arguments.size() - 1;
      if (arguments_ <= last || at_->takes_any_number) {
        completion.expected = expected_of(at_->arguments[std::min(arguments_, last)]);
      }
    }
    return completion;
  }

 private:
  static void add(const std::string& text, const std::string& about, const std::string& word, Completion& completion) {
    if (text.starts_with(word)) completion.candidates.push_back({text, about});
  }

  /// `auto|pf-core` are words, anything else is a kind.
  static void offer_value(std::string_view value, const std::string& word, Completion& completion) {
    completion.expected = expected_of(value);
    if (value.find('|') == std::string_view::npos) return;
    while (!value.empty()) {
      const std::size_t end = std::min(value.find('|'), value.size());
      add(std::string(value.substr(0, end)), "", word, completion);
      value.remove_prefix(std::min(end + 1, value.size()));
    }
  }

  void take_option(const std::string& word) {
    const std::size_t equals = word.find('=');
    const auto option = std::ranges::find(at_->options, word.substr(0, equals), &OptionShape::name);
    if (option == at_->options.end() || option->value.empty()) return;
    if (equals == std::string::npos) {
      waiting_ = &*option;
    } else {
      take_value(*option, word.substr(equals + 1));
    }
  }

  void take_value(const OptionShape& option, const std::string& value) {
    if (option.name == "--store") store_ = value;
  }

  [[nodiscard]] const CommandShape* find_command(const std::string& word) const {
    const auto found = std::ranges::find(at_->commands, word, &CommandShape::name);
    return found == at_->commands.end() ? nullptr : &*found;
  }

  const CommandShape* at_;
  const OptionShape* waiting_ = nullptr;  // for its value
  std::size_t arguments_ = 0;
  bool only_arguments_ = false;  // behind --
  std::optional<std::filesystem::path> store_;
};

}  // namespace

Completion complete(const CommandShape& program, std::span<const std::string> words) {
  Walk walk(program);
  for (const std::string& word : words.first(words.empty() ? 0 : words.size() - 1)) walk.take(word);
  return walk.offer(words.empty() ? "" : words.back());
}

}  // namespace pfcache::cli
