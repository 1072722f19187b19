"""Print the tables of `docs/models.md`: ``python -m se_probe.models``."""

import sys

from se_probe.models.paper_table import architecture_table, paper_table

if __name__ == "__main__":
    sys.stdout.write(f"{architecture_table()}\n{paper_table()}")
