#include "cli/ranked_lines.hpp"

#include <doctest/doctest.h>

using pfcache::cli::RankedLines;

TEST_CASE("the lines with the highest ranks go, those of one rank together, and the others keep their order") {
  RankedLines lines;
  lines.add(0, "head");
  lines.add(9, "");
  lines.add(3, "less");
  lines.add(2, "more");
  lines.add(3, "and less");
  lines.add(9, "");
  lines.add(1, "most");
  CHECK(lines.text(100) == "head\n\nless\nmore\nand less\n\nmost\n");
  CHECK(lines.text(7) == lines.text(100));
  CHECK(lines.text(6) == "head\nless\nmore\nand less\nmost\n");
  CHECK(lines.text(5) == lines.text(6));
  CHECK(lines.text(4) == "head\nmore\nmost\n");
  CHECK(lines.text(1) == "head\n");
  CHECK(lines.text(0).empty());
}
