// libfuse's low-level interface, always in the same version.
#pragma once

// NOLINTNEXTLINE(cppcoreguidelines-macro-usage): how libfuse is told
#define FUSE_USE_VERSION 312
#include <fuse_lowlevel.h>
