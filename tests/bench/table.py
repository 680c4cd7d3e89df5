#!/usr/bin/env python3
"""Reads the rows that the benchmarks print, one JSON object a line, and prints them as one table.

    table.py [--markdown] <rows

A row: what, ours, other, other_side (texts), compared (what the bar is held against), at_least or at_most (the bar).
"""

import json
import sys

HEAD = ("what", "pfcache", "the other side", "ratio", "bar", "met")


def verdict(row):
    """The bar and whether it is met, as texts; empty when nothing is asked."""
    if "at_least" in row:
        return f"≥ {row['at_least']:g}", "yes" if row["compared"] >= row["at_least"] else "NO"
    if "at_most" in row:
        return f"≤ {row['at_most']:g}", "yes" if row["compared"] <= row["at_most"] else "NO"
    return "", ""


def cells(row):
    other = f"{row['other']} ({row['other_side']})" if row["other"] else ""
    return (row["what"], row["ours"], other, f"{row['compared']:.3g}" if row["other"] else "", *verdict(row))


def main():
    rows = [HEAD] + [cells(json.loads(line)) for line in sys.stdin if line.strip()]
    if "--markdown" in sys.argv[1:]:
        rows.insert(1, ("---",) * len(HEAD))
        for row in rows:
            print("| " + " | ".join(cell.strip() for cell in row) + " |")
        return
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())


if __name__ == "__main__":
    main()
