#include "pfcache/version.hpp"

namespace pfcache {

std::string_view version() noexcept { return PFCACHE_VERSION; }

}  // namespace pfcache
