// What a service manager such as systemd wants to know of the daemon that it started: the protocol of sd_notify(3), a
// datagram a message.
//
// A function without state, for any thread. Throws: nothing. Where no manager asked nothing is sent.
#pragma once

#include <string_view>

namespace pfcache::fuse {

/// Sends `state`, lines as in sd_notify(3), to the socket that $NOTIFY_SOCKET names. That nobody listens there is no
/// failure of ours.
void tell_service_manager(std::string_view state) noexcept;

}  // namespace pfcache::fuse
