// What goes wrong, and what it is called.
//
// Every failure in pfcache is thrown as an `Error`, a std::system_error whose code is either one of `Errc` or an
// errno value of the system. Absence that a caller expects is a value (std::optional), never an exception.
// One table maps codes to errno (for a filesystem) and to exit status (for tools).
//
// Example:
//
//   #include <pfcache/error.hpp>
//   #include <pfcache/store.hpp>
//   #include <iostream>
//
//   int main() {
//     try {
//       static_cast<void>(pfcache::Store::open("nosuch"));
//     } catch (const pfcache::Error& error) {
//       if (error.code() == pfcache::Errc::not_found) std::cout << "none\n";  // prints none
//     }
//   }
#pragma once

#include <string>
#include <system_error>

#pragma GCC visibility push(default)
namespace pfcache {

/// The reasons that are ours. Anything the system reports keeps its own errno.
enum class Errc {
  invalid_argument = 1,  ///< the caller asked for something that has no meaning
  not_found,             ///< no such store, snapshot, page, blob, ref or file
  already_exists,        ///< the name is taken
  busy,                  ///< somebody else holds what is needed
  damaged,               ///< stored bytes are not what their digest says
  malformed,             ///< a file or message that does not follow its format
  mismatch,              ///< two things that must agree do not (geometry of a pager and of a manifest)
  too_large,             ///< above a named limit
  unsupported,           ///< valid, but not something this version handles
  interrupted,           ///< stopped on request
};

[[nodiscard]] const std::error_category& error_category() noexcept;
[[nodiscard]] std::error_code make_error_code(Errc code) noexcept;

/// A failure. `what()` names the operation, the object, and what was expected and found.
class [[gnu::visibility("default")]] Error : public std::system_error {
 public:
  Error(Errc code, const std::string& what) : std::system_error(make_error_code(code), what) {}
  Error(std::error_code code, const std::string& what) : std::system_error(code, what) {}
  ~Error() override;

  /// An Error for a system call that failed with `errnum`.
  [[nodiscard]] static Error from_errno(int errnum, const std::string& what);

  /// An Error for a system call that has just failed: reads errno.
  [[nodiscard]] static Error from_last_errno(const std::string& what);
};

/// What `error` says without the text of its code, which what() ends with: for a message that is to become part of
/// another error's.
[[nodiscard]] std::string reason_of(const std::system_error& error);

/// The errno a filesystem answers for `code`. Never 0 for a code that is set.
[[nodiscard]] int errno_of(const std::error_code& code) noexcept;

/// The exit status of a tool that ends with `code`: 1 failed, 2 usage, 10 not found, 11 busy, 13 damage.
[[nodiscard]] int exit_status_of(const std::error_code& code) noexcept;

}  // namespace pfcache
#pragma GCC visibility pop

template <>
struct std::is_error_code_enum<pfcache::Errc> : std::true_type {};
