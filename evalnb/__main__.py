"""``python -m evalnb`` is the same command line as ``evalnb``."""

from evalnb.cli import main

main()
