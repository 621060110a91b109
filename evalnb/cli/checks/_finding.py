"""One line of the doctor's."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Finding:
    """``ok``; ``warning``: evalnb works, with less; ``bad``: it does not, mend this first."""

    name: str
    state: Literal["ok", "warning", "bad"]
    says: str
    remedy: str = ""
