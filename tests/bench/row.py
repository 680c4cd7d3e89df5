"""One line of the table of run.sh, printed as JSON for table.py to collect."""

import json


def print_row(what, ours, other, other_side, compared, **bar):
    """`bar`: at_least=X, at_most=X, or nothing."""
    row = {"what": what, "ours": ours, "other": other, "other_side": other_side, "compared": compared, **bar}
    print(json.dumps(row, ensure_ascii=False), flush=True)
