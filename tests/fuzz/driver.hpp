// Every parser of bytes that others wrote has a fuzz target here: a file with LLVMFuzzerTestOneInput.
//
// Built with libFuzzer (tests/fuzz/run.sh) a target is explored for as long as one likes. In every test run the same
// target is linked with driver.cpp, which replays its seeds and a fixed number of seeded mutations of them.
#pragma once

#include <cstddef>
#include <cstdint>

// NOLINTNEXTLINE(readability-identifier-naming): the name libFuzzer calls
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
