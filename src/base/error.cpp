#include "pfcache/error.hpp"

#include <cerrno>

namespace pfcache {
namespace {

struct Row {
  Errc code;
  const char* text;
  int errnum;
  int exit_status;
};

// The one table from our codes to what the outside sees.
constexpr Row kRows[] = {
    {Errc::invalid_argument, "invalid argument", EINVAL, 2},
    {Errc::not_found, "not found", ENOENT, 10},
    {Errc::already_exists, "already exists", EEXIST, 1},
    {Errc::busy, "busy", EBUSY, 11},
    {Errc::damaged, "damaged", EIO, 13},
    {Errc::malformed, "malformed", EBADMSG, 1},
    {Errc::mismatch, "mismatch", EINVAL, 1},
    {Errc::too_large, "too large", EFBIG, 1},
    {Errc::unsupported, "unsupported", EOPNOTSUPP, 1},
    {Errc::interrupted, "interrupted", EINTR, 1},
};

const Row* find_row(int value) noexcept {
  for (const Row& row : kRows) {
    if (static_cast<int>(row.code) == value) return &row;
  }
  return nullptr;
}

class Category final : public std::error_category {
 public:
  [[nodiscard]] const char* name() const noexcept override { return "pfcache"; }
  [[nodiscard]] std::string message(int value) const override {
    const Row* row = find_row(value);
    return row != nullptr ? row->text : "unknown error";
  }
};

}  // namespace

const std::error_category& error_category() noexcept {
  static const Category category;
  return category;
}

std::error_code make_error_code(Errc code) noexcept { return {static_cast<int>(code), error_category()}; }

Error::~Error() = default;

Error Error::from_errno(int errnum, const std::string& what) {
  return {std::error_code(errnum, std::generic_category()), what};
}

Error Error::from_last_errno(const std::string& what) { return from_errno(errno, what); }

std::string reason_of(const std::system_error& error) {
  std::string text = error.what();
  const std::string ending = ": " + error.code().message();
  if (text.ends_with(ending)) text.resize(text.size() - ending.size());
  return text;
}

int errno_of(const std::error_code& code) noexcept {
  if (code.category() == error_category()) {
    const Row* row = find_row(code.value());
    return row != nullptr ? row->errnum : EIO;
  }
  const bool is_errno = code.category() == std::generic_category() || code.category() == std::system_category();
  return is_errno && code.value() > 0 ? code.value() : EIO;
}

int exit_status_of(const std::error_code& code) noexcept {
  if (!code) return 0;
  if (code.category() != error_category()) return 1;
  const Row* row = find_row(code.value());
  return row != nullptr ? row->exit_status : 1;
}

}  // namespace pfcache
