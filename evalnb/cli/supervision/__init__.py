"""Processes under care: what ``evalnb up`` starts, watches, starts again, and ends.

``processes`` knows a process by pid and birth; ``ports`` and ``probes`` find room and ask for answers; ``services``
says what there is to run; ``child`` is one service's life; ``supervisor`` keeps them all; ``runfile`` is what others
can read.
"""
