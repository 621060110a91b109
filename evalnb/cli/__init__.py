"""The command line. ``evalnb --help`` loads nothing heavy: each verb's module is imported when it is asked for."""

from evalnb.cli._group import main

__all__ = ["main"]
