"""What whoever asks may do; looked up anew in the transaction of each answer, so that a right taken away is gone."""

from __future__ import annotations

from typing import Protocol

from sqlalchemy.orm import Session


class Rights(Protocol):
    """The rights of one asker on one dataset."""

    def look(self, session: Session) -> None:
        """NotFound unless it may see the dataset."""

    def edit(self, session: Session) -> None:
        """Refused with the reason unless it may change the dataset's annotations."""

    def may_edit(self, session: Session) -> bool:
        """Whether ``edit`` would pass."""
