"""One page of a gate record: a single HTML file that opens anywhere, without network.

:func:`write_report` computes everything with :mod:`se_probe.views` and paints it twice:
as pictures that need no JavaScript, and as plots that answer to the mouse.
"""

from se_probe.report.writing import write_report

__all__ = ["write_report"]
