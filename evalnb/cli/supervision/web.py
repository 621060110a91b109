"""The services with pages: the front at the one address, and behind it portal, API, JupyterLab and Voila.

Those behind listen on loopback alone, whatever EVALNB_HOST says, and each has a secret that only the front knows. In
containers (`evalnb serve`) they listen on their own network, and the secret is one that they share.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import evalnb
from evalnb.cli.supervision import probes
from evalnb.cli.supervision.child import Service
from evalnb.cli.supervision.runfile import RunDirectory
from evalnb.errors import Unavailable
from evalnb.settings import Settings

# A report's page that nobody looks at any more gives its 55 MB back.
_REPORT_IDLE_S = 600
_NODE_MIN = 20
_LOOPBACK = "127.0.0.1"


def shipped_notebooks() -> Path:
    """The folder with tour/, reports/ and voila/: inside the package when installed, beside it in a clone."""
    package = Path(evalnb.__file__).parent
    inside = package / "notebooks"
    return inside if inside.is_dir() else package.parent / "notebooks"


def front(settings: Settings, port: int, *, movable: bool) -> Service:
    """The one address. It reads run/backends.json, so that it follows whoever moves."""
    return Service(
        name="front",
        title="evalnb",
        command=(sys.executable, "-m", "evalnb_server.front", "--host", settings.host, "--port", "{port}"),
        environment=settings.child_environment(),
        directory=settings.home,
        ready=lambda address, _pid: probes.answers(f"{address}/_front/health"),
        address=_base(settings),
        page=f"/?token={RunDirectory(settings.home).api_token()}",
        host=settings.host,
        port=port,
        movable=movable,
    )


def _base(settings: Settings) -> str:
    # 0.0.0.0 is an address to listen on, not one to go to.
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(settings.host, settings.host)
    return f"http://[{host}]:{{port}}" if ":" in host and not host.startswith("[") else f"http://{host}:{{port}}"


def portal_program() -> Path | None:
    """Next.js's own server: built in a clone (``make portal``), or inside the package when installed."""
    package = Path(evalnb.__file__).parent
    for folder in (package / "portal" / "portal", package.parent / "portal" / ".next" / "standalone" / "portal"):
        if (folder / "server.js").is_file():
            return folder / "server.js"
    return None


def node() -> str:
    """Node's program. Unavailable where there is none, or an old one."""
    found = shutil.which("node")
    if found is not None:
        said = subprocess.run([found, "--version"], capture_output=True, text=True, timeout=30, check=False).stdout
        number = re.match(r"v(\d+)", said)
        if number is not None and int(number[1]) >= _NODE_MIN:
            return found
    raise Unavailable(f"Node ≥ {_NODE_MIN} was not found", remedy="install it from https://nodejs.org")


def portal(settings: Settings, program: Path, port: int, *, api_port: int) -> Service:
    """The portal. It asks the API for everything, with the cookie of whoever asks it."""
    environment = settings.child_environment(
        EVALNB_API_URL=f"http://127.0.0.1:{api_port}",
        HOSTNAME="127.0.0.1",
        PORT="{port}",
        NODE_ENV="production",
        NEXT_TELEMETRY_DISABLED="1",
    )
    return Service(
        name="portal",
        title="Portal",
        command=(node(), str(program)),
        environment=environment,
        directory=program.parent,
        ready=lambda address, _pid: probes.listens(address),
        address="http://127.0.0.1:{port}",
        prefix="/",
        page="/",
        port=port,
    )


def _jupyter_environment(settings: Settings, token: str) -> dict[str, str]:
    # The token goes through the environment: a command line can be read by every user of the machine.
    environment = settings.child_environment(JUPYTER_TOKEN=token)
    for name, ours in (
        # Where Voila finds the template `evalnb`, in a clone and in an installation alike.
        ("JUPYTER_PATH", shipped_notebooks()),
        # No question about news from the network (labconfig/page_config.json).
        ("JUPYTER_CONFIG_PATH", Path(__file__).parent / "jupyter"),
    ):
        known = [environment[name]] if environment.get(name) else []
        environment[name] = os.pathsep.join([str(ours), *known])
    return environment


def lab(settings: Settings, notebooks: Path, port: int, *, host: str = _LOOPBACK, secret: str = "") -> Service:
    """JupyterLab, wholly under /jupyter/."""
    token = secret or secrets.token_urlsafe(32)
    command = [
        *(sys.executable, "-m", "jupyterlab", "--no-browser"),
        *(f"--ServerApp.ip={host}", "--ServerApp.port={port}", "--ServerApp.port_retries=0"),
        # The front has looked at the name by which it was called, and says for whom it asks.
        *(
            "--ServerApp.base_url=/jupyter/",
            "--ServerApp.allow_remote_access=True",
            "--ServerApp.trust_xheaders=True",
        ),
        f"--ServerApp.root_dir={notebooks}",
        # Nothing is fetched from the network unasked.
        "--LabApp.news_url=None",
        "--LabApp.check_for_updates_class=jupyterlab.handlers.announcements.NeverCheckForUpdate",
        "--LabApp.extension_manager=readonly",
    ]
    if find_spec("evalnb.jupyter_extension") is not None:
        # An editable installation has no etc/jupyter of ours, so it is named here as well.
        command.append("--ServerApp.jpserver_extensions={'evalnb.jupyter_extension': True}")
    if os.geteuid() == 0:
        command.append("--ServerApp.allow_root=True")
    return Service(
        name="lab",
        title="JupyterLab",
        command=tuple(command),
        environment=_jupyter_environment(settings, token),
        directory=notebooks,
        ready=lambda address, _pid: probes.answers(f"{address}/jupyter/api/status", token=token),
        address="http://127.0.0.1:{port}",
        prefix="/jupyter/",
        page="/jupyter/lab",
        secret=token,
        port=port,
    )


def voila(settings: Settings, port: int, *, host: str = _LOOPBACK, secret: str = "") -> Service:
    """The reports' pages, under /voila/."""
    token = secret or secrets.token_urlsafe(32)
    reports = shipped_notebooks() / "reports"
    command = [
        *(sys.executable, "-m", "voila", str(reports), "--no-browser"),
        *(f"--Voila.ip={host}", "--Voila.port={port}", "--Voila.port_retries=0", "--Voila.base_url=/voila/"),
        # With this flag, and only then, Voila asks for JUPYTER_TOKEN.
        "--Voila.auto_token=True",
        *("--VoilaConfiguration.strip_sources=True", "--VoilaConfiguration.show_tracebacks=False"),
        *(f"--MappingKernelManager.cull_idle_timeout={_REPORT_IDLE_S}", "--MappingKernelManager.cull_interval=60"),
        "--MappingKernelManager.cull_connected=True",
        # A Voila of its own loads no server extensions; this is what ours does to JupyterLab.
        "--Voila.kernel_websocket_connection_class=evalnb.jupyter_extension.PromptConnection",
    ]
    if (shipped_notebooks() / "voila" / "templates" / "evalnb").is_dir():
        command.append("--VoilaConfiguration.template=evalnb")
    return Service(
        name="voila",
        title="Voila",
        command=tuple(command),
        environment=_jupyter_environment(settings, token),
        directory=reports,
        ready=lambda address, _pid: probes.answers(f"{address}/voila/", token=token),
        address="http://127.0.0.1:{port}",
        prefix="/voila/",
        page="/voila/",
        secret=token,
        port=port,
    )


def api(settings: Settings, port: int, *, movable: bool, host: str = _LOOPBACK) -> Service:
    """The HTTP API, under /api. It asks everybody who they are by itself."""
    return Service(
        name="api",
        title="API",
        command=(sys.executable, "-m", "evalnb_server", "--host", host, "--port", "{port}"),
        environment=settings.child_environment(),
        directory=settings.home,
        ready=lambda address, _pid: probes.answers(f"{address}/api/health"),
        address="http://127.0.0.1:{port}",
        prefix="/api/",
        page="/api",
        note=f"send `Authorization: Bearer {RunDirectory(settings.home).api_token()}`",
        port=port,
        movable=movable,
    )
