"""What is particular about a notebook's comm."""

from __future__ import annotations

from typing import Any


def answer_beside_cells(comm: Any) -> None:
    """Let the browser choose the thread that answers it, so that edits are saved while a cell runs.

    JupyterLab ≥ 4.4 sends widget messages to a subshell, a thread of its own in ipykernel ≥ 7. ipykernel 7.4 however
    sends them to wherever the kernel's last message on that comm came from; that is the main thread after a widget
    was made or set in a cell, and everything then waits for the cells that run. So the route that making the widget
    left is removed here, and whatever is pushed later goes out in the context of the browser's last message.
    Elsewhere (older kernels, Colab) there is no such route, and messages wait for the running cell.
    """
    if hasattr(comm, "_reply_subshell_id"):
        del comm._reply_subshell_id
