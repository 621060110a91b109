"""A real JupyterLab in its own folders, and notebooks in it, driven through a page of Chromium."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import nbformat
import psutil

CHROMIUM_FLAGS = [
    "--no-sandbox",
    # SwiftShader is far slower than Skia's own raster on machines without a GPU.
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

ANNOTATE = """
from evalnb.settings import Settings
from evalnb.store import open_store
from evalnb.widgets.annotator import Annotator
settings = Settings.from_environment()
store = open_store(settings)
widget = Annotator(store, {dataset_id}, author=settings.author)
widget
"""
"""A cell that shows the Annotator of a dataset."""


@dataclass(slots=True)
class Lab:
    """A running JupyterLab, and in it a folder of notebooks with a kind of kernel of their own."""

    process: subprocess.Popen[bytes]
    root: Path
    url: str
    token: str
    log: Path
    data: Path
    folder: str = ""
    """Of the notebooks, below ``root``; with a slash at its end."""
    kernel: str = "python3"

    @contextmanager
    def room(self, environment: Mapping[str, str]) -> Iterator[Lab]:
        """The same server with an empty folder, and kernels that have this environment; they end with the block."""
        name = f"room-{uuid.uuid4().hex[:10]}"
        spec = self.data / "kernels" / name / "kernel.json"
        spec.parent.mkdir(parents=True)
        argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        spec.write_text(
            json.dumps({"argv": argv, "display_name": name, "language": "python", "env": dict(environment)})
        )
        (self.root / name).mkdir()
        try:
            yield replace(self, root=self.root / name, folder=f"{name}/", kernel=name)
        finally:
            for session in self.api("sessions"):
                if session["path"].startswith(f"{name}/"):
                    address = f"{self.url}/api/sessions/{session['id']}"
                    reply = httpx.delete(address, headers=self._headers, timeout=20)
                    assert reply.status_code in (204, 404), reply.text
            shutil.rmtree(spec.parent)

    def api(self, path: str) -> Any:
        """GET one of the server's own endpoints."""
        reply = httpx.get(f"{self.url}/api/{path}", headers=self._headers, timeout=20)
        reply.raise_for_status()
        return reply.json()

    @property
    def _headers(self) -> Mapping[str, str]:
        return {"Authorization": f"token {self.token}"}

    def write(self, name: str, *cells: str) -> Path:
        """A notebook with these code cells."""
        return write_notebook(self.root / name, *cells, kernel=self.kernel)

    def open(self, page: Any, name: str) -> None:
        """Show the notebook, alone, and wait until its kernel is idle. A page that shows JupyterLab already stays."""
        path = self.folder + name
        if page.url.startswith(f"{self.url}/"):
            clear(page)
            page.evaluate(
                """async (path) => {
                    const { commands, serviceManager } = window.jupyterapp;
                    await serviceManager.kernelspecs.refreshSpecs();
                    await commands.execute('docmanager:open', { path, factory: 'Notebook' });
                }""",
                path,
            )
        else:
            page.goto(f"{self.url}/doc/tree/{quote(path)}?token={self.token}&reset")
        self.wait_for_kernel(page)

    def reload(self, page: Any) -> None:
        """Reload the page, as a person does, and wait for the notebook."""
        page.reload()
        self.wait_for_kernel(page)

    def wait_for_kernel(self, page: Any) -> None:
        """Until the shown notebook has an idle kernel."""
        page.wait_for_function(
            """() => {
                const panel = window.jupyterapp?.shell?.currentWidget;
                return panel?.context?.isReady && panel?.sessionContext?.session?.kernel?.status === 'idle'
                    && panel.sessionContext.isReady;
            }""",
            timeout=60_000,
        )

    def command(self, page: Any, name: str, arguments: Mapping[str, Any] | None = None) -> None:
        """Run one of JupyterLab's commands and wait for it."""
        page.evaluate(
            "async ([name, args]) => { await window.jupyterapp.commands.execute(name, args); }",
            [name, dict(arguments or {})],
        )

    def run_all(self, page: Any) -> None:
        """Run every cell; returns when the last is done."""
        self.command(page, "notebook:run-all-cells")

    def save(self, page: Any) -> None:
        """Save the notebook."""
        self.command(page, "docmanager:save")

    def kernel_process(self) -> psutil.Process:
        """The one kernel's process."""
        (found,) = self._kernels()
        return found

    def _kernels(self) -> list[psutil.Process]:
        """The processes of this folder's kernels."""
        folder = self.root.resolve()
        found = []
        for one in psutil.Process(self.process.pid).children(recursive=True):
            # Another room's may end while it is looked at.
            with contextlib.suppress(psutil.NoSuchProcess):
                if "ipykernel_launcher" in " ".join(one.cmdline()) and Path(one.cwd()) == folder:
                    found.append(one)
        return found

    def kill_kernel(self, timeout_s: float = 60) -> None:
        """Kill the one kernel, and wait until the server has put another in its place: what is run before is lost."""
        process = self.kernel_process()
        process.kill()
        end = time.monotonic() + timeout_s
        while not any(one.pid != process.pid for one in self._kernels()):
            assert time.monotonic() < end, f"no other kernel within {timeout_s} s"
            time.sleep(0.1)


def clear(page: Any) -> None:
    """Close whatever JupyterLab shows in a page, saved or not."""
    page.evaluate("() => { for (const one of [...window.jupyterapp.shell.widgets('main')]) one.dispose(); }")


def write_notebook(path: Path, *cells: str, kernel: str = "python3") -> Path:
    """A notebook with these code cells."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(one.strip()) for one in cells])
    notebook.metadata["kernelspec"] = {"name": kernel, "display_name": kernel, "language": "python"}
    nbformat.write(notebook, path)
    if (owner := path.parent.stat()).st_uid != path.stat().st_uid:
        # JupyterLab runs as somebody else, and is to save it.
        os.chown(path, owner.st_uid, owner.st_gid)
    return path


@contextmanager
def jupyter_lab(folder: Path, *, arguments: tuple[str, ...] = ()) -> Iterator[Lab]:
    """JupyterLab on a free port of 127.0.0.1, with all of its folders under ``folder``."""
    root = folder / "notebooks"
    root.mkdir(parents=True)
    settings = folder / "user-settings" / "@jupyterlab"
    (settings / "apputils-extension").mkdir(parents=True)
    (settings / "apputils-extension" / "notification.jupyterlab-settings").write_text('{"fetchNews": "false"}')
    token = secrets.token_hex(16)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    own = {
        **os.environ,
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTER_DATA_DIR": str(folder / "data"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(folder / "user-settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"),
        "IPYTHONDIR": str(folder / "ipython"),
        "JUPYTER_PLATFORM_DIRS": "1",
    }
    log = folder / "lab.log"
    command = [
        sys.executable,
        "-m",
        "jupyter",
        "lab",
        "--no-browser",
        "--allow-root",
        "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.port={port}",
        "--ServerApp.port_retries=0",
        f"--ServerApp.root_dir={root}",
        f"--IdentityProvider.token={token}",
        "--LabApp.expose_app_in_browser=True",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        *arguments,
    ]
    with log.open("wb") as output:
        process = subprocess.Popen(command, env=own, stdout=output, stderr=subprocess.STDOUT, cwd=root)
    lab = Lab(process, root, f"http://127.0.0.1:{port}", token, log, folder / "data")
    try:
        _until_it_answers(lab)
        yield lab
    finally:
        for one in [*psutil.Process(process.pid).children(recursive=True)] if process.poll() is None else []:
            one.kill()
        process.kill()
        process.wait()


@contextmanager
def voila(notebook: Path, folder: Path, environment: Mapping[str, str]) -> Iterator[str]:
    """The address of a Voila that shows one notebook; it ends with the block."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    own = {**os.environ, **environment, "JUPYTER_CONFIG_DIR": str(folder), "JUPYTER_RUNTIME_DIR": str(folder)}
    command = [
        *(sys.executable, "-m", "voila", str(notebook), "--no-browser", f"--port={port}", "--Voila.ip=127.0.0.1"),
        "--Voila.kernel_websocket_connection_class=evalnb.jupyter_extension.PromptConnection",
    ]
    log = folder / "voila.log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, env=own, stdout=output, stderr=subprocess.STDOUT)
    try:
        end = time.monotonic() + 60
        while "is running at" not in log.read_text():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < end, log.read_text()
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}/"
    finally:
        for one in [*psutil.Process(process.pid).children(recursive=True)] if process.poll() is None else []:
            one.kill()
        process.kill()
        process.wait()


def _until_it_answers(lab: Lab, timeout_s: float = 180) -> None:
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        if lab.process.poll() is not None:
            raise RuntimeError(f"JupyterLab ended: {lab.log.read_text()}")
        try:
            lab.api("status")
            return
        except (httpx.HTTPError, OSError):
            time.sleep(0.1)
    raise RuntimeError(f"JupyterLab did not answer in {timeout_s} s: {lab.log.read_text()}")
