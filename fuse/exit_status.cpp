#include "fuse/exit_status.hpp"

#include <new>

#include "pfcache/error.hpp"

namespace pfcache::fuse {
namespace {

bool is_shortage(const std::error_code& code) noexcept {
  return code == std::errc::not_enough_memory || code == std::errc::resource_unavailable_try_again ||
         code == std::errc::too_many_files_open || code == std::errc::too_many_files_open_in_system;
}

bool is_refusal(const std::error_code& code) noexcept {
  return code == std::errc::permission_denied || code == std::errc::operation_not_permitted;
}

}  // namespace

int exit_status_for(const std::exception& failure) noexcept {
  if (dynamic_cast<const std::bad_alloc*>(&failure) != nullptr) return kExitSystem;
  const auto* error = dynamic_cast<const std::system_error*>(&failure);
  if (error == nullptr) return kExitMountFailed;
  if (error->code() == Errc::invalid_argument || is_refusal(error->code())) return kExitUsage;
  if (error->code() == Errc::interrupted) return kExitInterrupted;
  return is_shortage(error->code()) ? kExitSystem : kExitMountFailed;
}

}  // namespace pfcache::fuse
