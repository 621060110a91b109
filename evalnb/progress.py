"""A progress bar in the terminal or the notebook."""

import sys
from typing import Any


class TqdmProgress:
    """tqdm's bar: the notebook's where there is one, the terminal's elsewhere."""

    def __init__(self) -> None:
        self._bar: Any = None

    def start(self, total: int | None, *, unit: str, what: str) -> None:
        """Close the last stage's bar and begin one of ``total`` units."""
        from tqdm.auto import tqdm

        self.close()
        self._bar = tqdm(
            total=total,
            unit=f" {unit}",
            unit_scale=unit == "B",
            desc=what,
            mininterval=0.2,
            file=sys.stderr,
            dynamic_ncols=True,
        )

    def advance(self, n: int = 1) -> None:
        """``n`` more units are done."""
        if self._bar is not None:
            self._bar.update(n)

    def close(self) -> None:
        """End the bar."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None
