"""docker-compose.yml's services, run from the images as chroots that share one loopback, which is theirs alone."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import yaml

from tools.images.building import ROOT, Buildah, Failed, shown

USER = 10001
ADDRESS = "http://127.0.0.1:8888"
_CLONE_NEWNET = 0x40000000
"""sched.h; Python has os.unshare from 3.12 on."""
# Names of services, each of which is this machine.
INSIDE = ("postgres", "redis", "api", "lab", "voila", "portal", "front", "worker")


@dataclass(slots=True)
class Running:
    """The services that were started, in order."""

    folder: Path
    started: list[tuple[str, subprocess.Popen[bytes]]] = field(default_factory=list)

    def start(self, name: str, command: Sequence[str | Path], **how: Any) -> subprocess.Popen[bytes]:
        """Run it in a session of its own, its words in a log."""
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                list(map(str, command)),
                stdin=how.pop("stdin", subprocess.DEVNULL),
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                **how,
            )
        self.started.append((name, process))
        return process

    def words(self, name: str) -> str:
        """The end of its log."""
        return (self.folder / f"{name}.log").read_text(errors="replace")[-3000:]

    def end(self) -> None:
        """End all of them, the last first."""
        for _name, process in reversed(self.started):
            for how in (signal.SIGTERM, signal.SIGKILL):
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, how)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(timeout=15)
                    break


def run(buildah: Buildah, then: str | None) -> dict[str, Any]:
    """Start what docker-compose.yml says, in its order; then look at the pages."""
    services = compose(os.environ)["services"]
    _leave_the_network()
    health: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="evalnb-images-") as folder, servers(Path(folder)) as running:
        for name in in_order(services):
            if name == "lab":
                _let_tests_command_jupyterlab(running.folder / "home")
            began = time.monotonic()
            one = Container(buildah, name, services[name], running)
            if services[name].get("restart") == "no":
                one.run_once()
            else:
                one.start()
                one.until_healthy()
            health[name] = round(time.monotonic() - began, 1)
            print(f"   {name}: {'done' if services[name].get('restart') == 'no' else 'healthy'} in {health[name]} s")
        token = (running.folder / "home" / "run" / "api-token").read_text().strip()
        pages = look(token)
        places = {name: str(running.folder / name) for name in ("home", "notebooks")}
        said = _ask(then, {"address": ADDRESS, "token": token, **places}) if then else None
    return {"healthy after s": health, "pages": pages, "then": said}


def _ask(then: str, house: Mapping[str, str]) -> dict[str, str]:
    """Run a command while all is up, before everybody's eyes; its last line. Failed where it fails."""
    print(f"── {then}", flush=True)
    environment = {**os.environ, "EVALNB_HOUSE": json.dumps(house)}
    said = ""
    with subprocess.Popen(["bash", "-c", then], env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end="", flush=True)
            said = line.strip() or said
    if process.returncode:
        raise Failed(f"{then!r} failed against the containers")
    return {"ran": then, "said": said}


def _leave_the_network() -> None:
    """Into a network namespace with a loopback and nothing else: no port is taken there, and nobody is reached."""
    if ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWNET):
        raise Failed(f"this machine allows no network namespaces: {os.strerror(ctypes.get_errno())}")
    shown("ip", "link", "set", "lo", "up")


def _let_tests_command_jupyterlab(home: Path) -> None:
    config = home / ".jupyter"
    config.mkdir()
    (config / "jupyter_lab_config.json").write_text('{"LabApp": {"expose_app_in_browser": true}}')
    os.chown(config, USER, USER)


def compose(environment: Mapping[str, str]) -> dict[str, Any]:
    """docker-compose.yml as compose reads it: ``${NAME:-default}`` in its strings is what this environment says."""
    inmost = re.compile(r"(?<!\$)\$\{(\w+):-([^${}]*)\}")

    def told(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: told(one) for name, one in value.items()}
        if isinstance(value, list):
            return [told(one) for one in value]
        while isinstance(value, str) and inmost.search(value):
            value = inmost.sub(lambda found: environment.get(found[1]) or found[2], value)
        return value.replace("$$", "$") if isinstance(value, str) else value

    read: dict[str, Any] = told(yaml.safe_load((ROOT / "docker-compose.yml").read_text()))
    return read


def in_order(services: Mapping[str, Any]) -> list[str]:
    """Those with an image of ours and no profile, each after those that it waits for."""
    wanted = {name for name, one in services.items() if one["image"].startswith("evalnb-") and "profiles" not in one}
    order: list[str] = []
    while left := [name for name in services if name in wanted and name not in order]:
        free = [name for name in left if not (set(services[name].get("depends_on", {})) & wanted) - set(order)]
        order.append(free[0])
    return order


@dataclass(slots=True)
class Container:
    """One service of docker-compose.yml, in a chroot."""

    buildah: Buildah
    name: str
    service: Mapping[str, Any]
    running: Running
    made: str = ""

    def __post_init__(self) -> None:
        hosts = [argument for name in INSIDE for argument in ("--add-host", f"{name}:127.0.0.1")]
        self.made = self.buildah.said("from", "--pull=never", *hosts, f"localhost/{self.service['image']}")

    @property
    def about(self) -> Mapping[str, Any]:
        """The image's configuration."""
        config: Mapping[str, Any] = json.loads(self.buildah.said("inspect", self.made))["Docker"]["config"]
        return config

    def command(self, argv: Sequence[str]) -> list[str]:
        """``buildah run`` of a command, as the service would run it."""
        volumes = [f"{self.running.folder / 'secrets'}:/run/secrets:ro"]
        for one in self.service.get("volumes", []):
            source, inside, *how = one.split(":")
            # A name is a volume; a path is a folder of this machine.
            place = self.running.folder / source
            if not place.exists():
                self._volume(place, inside)
            volumes.append(":".join([str(place), inside, *how]))
        environment = self.service.get("environment", {})
        options = [part for volume in volumes for part in ("--volume", volume)]
        options += [part for name, value in environment.items() for part in ("--env", f"{name}={value}")]
        return self.buildah.command(
            "run", "--isolation", "chroot", "--user", f"{USER}:{USER}", *options, self.made, "--", *argv
        )

    def _volume(self, place: Path, inside: str) -> None:
        """A new one, as Docker makes it: of the owner and mode of the image's folder, or root's where it has none."""
        like = Path(self.buildah.said("mount", self.made), inside.lstrip("/"))
        place.mkdir(mode=0o755)
        if like.is_dir():
            about = like.stat()
            os.chown(place, about.st_uid, about.st_gid)
            place.chmod(about.st_mode & 0o7777)
        self.buildah.said("umount", self.made)

    @property
    def argv(self) -> list[str]:
        """What it runs: the image's entry point, and the service's command or else the image's."""
        about = self.about
        return [*(about.get("Entrypoint") or []), *(self.service.get("command") or about.get("Cmd") or [])]

    def run_once(self) -> None:
        """To its end. Failed where that is not a good one."""
        process = self.running.start(self.name, self.command(self.argv))
        if process.wait(timeout=300):
            raise Failed(f"{self.name} ended with {process.returncode}:\n{self.running.words(self.name)}")

    def start(self) -> None:
        """In the background."""
        self.running.start(self.name, self.command(self.argv))

    def until_healthy(self, within_s: float = 240) -> None:
        """Until its health check, the image's own or the service's, says so."""
        test = (self.service.get("healthcheck") or {}).get("test") or self.about["Healthcheck"]["Test"]
        until = time.monotonic() + within_s
        while True:
            if self.running.started[-1][1].poll() is not None:
                raise Failed(f"{self.name} ended:\n{self.running.words(self.name)}")
            checked = subprocess.run(self.command(test[1:]), capture_output=True, text=True, check=False)
            if checked.returncode == 0:
                return
            if time.monotonic() > until:
                raise Failed(f"{self.name} is not healthy: {checked.stderr}\n{self.running.words(self.name)}")
            time.sleep(1)


@contextlib.contextmanager
def servers(folder: Path) -> Iterator[Running]:
    """PostgreSQL and Redis of the distribution on free ports, with passwords, and the secrets that name them."""
    running = Running(folder)
    try:
        folder.chmod(0o755)
        secrets = folder / "secrets"
        secrets.mkdir(mode=0o755)
        words = {name: os.urandom(12).hex() for name in ("database-password", "broker-password")}
        ports = {"postgres": _free_port(), "redis": _free_port()}
        words["database-url"] = (
            f"postgresql://evalnb:{words['database-password']}@postgres:{ports['postgres']}/evalnb"
        )
        words["broker-url"] = f"redis://:{words['broker-password']}@redis:{ports['redis']}/0"
        for name, value in words.items():
            (secrets / name).write_text(value)
        _postgres(running, ports["postgres"], secrets / "database-password")
        settings = (
            f'port {ports["redis"]}\nbind 127.0.0.1\nrequirepass {words["broker-password"]}\nsave ""\ndir {folder}\n'
        )
        (folder / "redis.conf").write_text(settings)
        running.start("redis", ["redis-server", folder / "redis.conf"])
        for port in ports.values():
            _until_listening(port)
        shown(
            *("psql", "-q", "-h", "127.0.0.1", "-p", str(ports["postgres"]), "-U", "evalnb", "-d", "postgres"),
            *("-c", "CREATE DATABASE evalnb"),
            environment={"PGPASSWORD": words["database-password"]},
        )
        yield running
    finally:
        running.end()


def _postgres(running: Running, port: int, password: Path) -> None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found or shutil.which("redis-server") is None:
        raise Failed("PostgreSQL with pgvector and Redis are missing: tools/outside-servers.sh installs them")
    entry = pwd.getpwnam("postgres")
    data = running.folder / "postgres"
    data.mkdir()
    os.chown(data, entry.pw_uid, entry.pw_gid)
    account = {"user": entry.pw_uid, "group": entry.pw_gid, "cwd": "/"}
    made = subprocess.run(
        [
            found[-1],
            "-D",
            data,
            "-U",
            "evalnb",
            "-A",
            "scram-sha-256",
            f"--pwfile={password}",
            "-E",
            "UTF8",
            "--locale=C",
        ],
        capture_output=True,
        text=True,
        check=False,
        **account,
    )
    if made.returncode:
        raise Failed(f"initdb failed:\n{made.stderr}")
    options = ["-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={data}", "-p", str(port)]
    running.start("postgres", [found[-1].with_name("postgres"), "-D", data, *options], **account)


def look(token: str) -> dict[str, int]:
    """The pages behind the one address, as one who has signed in sees them. Failed where one is not there."""
    seen: dict[str, int] = {}
    # As a browser asks: a program shows its token in a header, and gets no cookie for it.
    browser = {"Accept": "text/html,*/*"}
    with httpx.Client(base_url=ADDRESS, timeout=60, follow_redirects=True, headers=browser) as client:
        for path in (f"/?token={token}", "/api/session", "/api/health", "/jupyter/lab", "/voila/", "/"):
            reply = client.get(path)
            seen[path.partition("?")[0] + ("?token=…" if "?" in path else "")] = reply.status_code
            if reply.status_code != 200:
                raise Failed(f"{path} answered {reply.status_code}:\n{reply.text[:2000]}")
        worker = next(one for one in client.get("/api/health").json()["checks"] if one["name"] == "worker")
        if not worker["ok"]:
            raise Failed(f"no worker is alive: {worker['detail']}")
    return seen


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _until_listening(port: int) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.2)
    raise Failed(f"nothing listens on port {port}")
