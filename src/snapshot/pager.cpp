#include "pfcache/pager.hpp"

namespace pfcache {

CachePager::~CachePager() = default;

}  // namespace pfcache
