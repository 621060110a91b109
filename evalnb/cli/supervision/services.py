"""What there is to run on this machine: the worker, the API, JupyterLab and Voila, as far as they are installed."""

from __future__ import annotations

import os
import secrets
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

import evalnb
from evalnb.cli.supervision import ports, probes
from evalnb.cli.supervision.child import Service
from evalnb.cli.supervision.runfile import Entry, RunDirectory
from evalnb.errors import EvalnbError
from evalnb.settings import Settings
from evalnb.store import Store

# Voila before 0.5.6 serves files that it should not (GHSA-2q59).
_VOILA_MIN = (0, 5, 6)
# A report's page that nobody looks at any more gives its 55 MB back.
_REPORT_IDLE_S = 600


@dataclass(frozen=True, slots=True)
class Plan:
    """The services to run, and those that cannot be."""

    services: list[Service]
    absent: list[Entry]
    tokens: dict[str, str]


def shipped_notebooks() -> Path:
    """The folder with tour/, reports/ and voila/: inside the package when installed, beside it in a clone."""
    package = Path(evalnb.__file__).parent
    inside = package / "notebooks"
    return inside if inside.is_dir() else package.parent / "notebooks"


def plan(store: Store, *, notebooks: Path, port: int | None = None) -> Plan:
    """Choose ports and write down the commands. ``port`` is JupyterLab's, asked for by number."""
    settings = store.settings
    services: list[Service] = []
    absent: list[Entry] = []
    tokens: dict[str, str] = {}
    taken: set[int] = set()

    def next_port() -> int:
        found = ports.first_free(settings.host, port or settings.port, taken=taken)
        taken.add(found)
        return found

    if find_spec("jupyterlab") is None:
        absent.append(_absent("lab", "JupyterLab", "lab"))
    else:
        tokens["lab"] = secrets.token_urlsafe(18)
        # Asked for by number, a busy port is an error, and nothing else will do.
        first = next_port() if port is None else ports.exactly(settings.host, port)
        taken.add(first)
        services.append(_lab(settings, notebooks, tokens["lab"], first, movable=port is None))
    if find_spec("voila") is None:
        absent.append(_absent("voila", "Voila", "lab"))
    elif (found := _version("voila")) < _VOILA_MIN:
        wrong = f"left out: {'.'.join(map(str, found))} has a known hole; pip install -U 'voila>=0.5.8'"
        absent.append(Entry("voila", "Voila", "absent", note=wrong))
    elif not any((shipped_notebooks() / "reports").glob("*.ipynb")):
        absent.append(Entry("voila", "Voila", "absent", note="left out: this installation has no report notebooks"))
    else:
        tokens["voila"] = secrets.token_urlsafe(18)
        services.append(_voila(settings, tokens["voila"], next_port()))
    if find_spec("fastapi") is None or find_spec("uvicorn") is None:
        absent.append(_absent("api", "API", "server"))
    else:
        services.append(_api(settings, next_port()))
    if find_spec("celery") is None:
        absent.append(_absent("worker", "Worker", "server"))
    else:
        services.append(_worker(store))
    return Plan(services, absent, tokens)


def _absent(name: str, title: str, extra: str) -> Entry:
    return Entry(name, title, "absent", note=f"not installed; pip install 'evalnb[{extra}]' brings it")


def _version(package: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in version(package).split(".")[:3] if part.isdigit())
    except PackageNotFoundError:
        return ()


def _base(settings: Settings) -> str:
    # 0.0.0.0 is an address to listen on, not one to go to.
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(settings.host, settings.host)
    return f"http://[{host}]:{{port}}" if ":" in host and not host.startswith("[") else f"http://{host}:{{port}}"


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


def _lab(settings: Settings, notebooks: Path, token: str, port: int, *, movable: bool) -> Service:
    command = [
        *(sys.executable, "-m", "jupyterlab", "--no-browser"),
        *(f"--ServerApp.ip={settings.host}", "--ServerApp.port={port}", "--ServerApp.port_retries=0"),
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
        ready=lambda address, _pid: probes.answers(address.replace("/lab?", "/api/status?"), token=token),
        address=f"{_base(settings)}/lab?token={token}",
        host=settings.host,
        port=port,
        movable=movable,
    )


def _voila(settings: Settings, token: str, port: int) -> Service:
    reports = shipped_notebooks() / "reports"
    command = [
        *(sys.executable, "-m", "voila", str(reports), "--no-browser"),
        *(f"--Voila.ip={settings.host}", "--Voila.port={port}", "--Voila.port_retries=0"),
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
        ready=lambda address, _pid: probes.answers(address, token=token),
        address=f"{_base(settings)}/?token={token}",
        host=settings.host,
        port=port,
    )


def _api(settings: Settings, port: int) -> Service:
    return Service(
        name="api",
        title="API",
        command=(sys.executable, "-m", "evalnb_server", "--host", settings.host, "--port", "{port}"),
        environment=settings.child_environment(),
        directory=settings.home,
        ready=lambda address, _pid: probes.answers(f"{address}/health"),
        address=f"{_base(settings)}/api",
        note=f"send `Authorization: Bearer {RunDirectory(settings.home).api_token()}`",
        host=settings.host,
        port=port,
    )


def _worker(store: Store) -> Service:
    settings = store.settings
    lacks = "" if find_spec("torch") else "without torch it can only evaluate; pip install 'evalnb[models]' brings it"
    return Service(
        name="worker",
        title="Worker",
        command=(sys.executable, "-m", "evalnb_server.worker"),
        environment=settings.child_environment(),
        directory=settings.home,
        ready=lambda _address, pid: _at_work(store, pid),
        note=lacks,
    )


def _at_work(store: Store, pid: int) -> bool:
    from evalnb.jobs import workers

    try:
        return any(worker.pid == pid for worker in workers(store))
    except EvalnbError:
        # The database or the broker does not answer at the moment; so the worker is not at work, either.
        return False
