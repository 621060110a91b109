"""The only reader of the environment. Every setting is here, with its default; docs/settings.md names each."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from urllib.parse import urlsplit

from evalnb.errors import Invalid


@dataclass(frozen=True, slots=True)
class Settings:
    """What a person may set through the environment. All of it is optional."""

    home: Path
    """EVALNB_HOME: the embedded servers, blobs and weights live here, mode 0700. Default ``~/.evalnb``."""
    database_url: str | None
    """EVALNB_DATABASE_URL: an outside PostgreSQL ≥ 15 with pgvector. Default: the embedded one under home.
    EVALNB_DATABASE_URL_FILE names a file that holds it instead."""
    broker_url: str | None
    """EVALNB_BROKER_URL: an outside Redis ≥ 6.2 or Valkey. Default: the embedded one under home.
    EVALNB_BROKER_URL_FILE names a file that holds it instead."""
    blobs_url: str | None
    """EVALNB_BLOBS_URL: a directory or an fsspec URL for blobs. Default ``<home>/blobs``."""
    device: str | None
    """EVALNB_DEVICE: cuda, cuda:1, mps or cpu. Default: the best that this machine has."""
    sam2_backend: str
    """EVALNB_SAM2_BACKEND: auto, torch, openvino or openvino-f32: what computes SAM 2. Default auto: on a CPU
    OpenVINO, where it is installed and its masks are torch's; else torch."""
    author: str
    """EVALNB_AUTHOR: the name written beside edits. Default: the login name."""
    host: str
    """EVALNB_HOST: the address that servers bind to. Default 127.0.0.1."""
    port: int
    """EVALNB_PORT: the first port that ``evalnb up`` tries for its one address. Default 8888."""
    public_url: str | None
    """EVALNB_PUBLIC_URL: what people open where a proxy with TLS stands before evalnb. Default: host and port."""
    trusted_proxies: str
    """EVALNB_TRUSTED_PROXIES: addresses and networks of reverse proxies whose X-Forwarded-For, -Proto and -Host are
    believed, with commas between. Default: this machine's own."""
    resident_models: int
    """EVALNB_RESIDENT_MODELS: how many models the API holds in memory for ``/api/predict``. Default 2."""
    offline: bool
    """EVALNB_OFFLINE: ``1`` never downloads weights. Default: off."""
    upload_max_gb: float
    """EVALNB_UPLOAD_MAX_GB: the largest file that may be uploaded, in 10⁹ bytes. Default 20."""
    upload_quota_gb: float
    """EVALNB_UPLOAD_QUOTA_GB: how much a project's unfinished uploads may take together. Default 100."""
    upload_expires_h: float
    """EVALNB_UPLOAD_EXPIRES_H: hours after its last byte until an unfinished upload is removed. Default 48."""
    served_days: float
    """EVALNB_SERVED_DAYS: days that an answer of ``/api/predict`` is kept without an outcome. Default 90."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> "Settings":
        """Read the settings from ``environment`` (default: this process's)."""
        env = os.environ if environment is None else environment
        return cls(
            home=Path(env.get("EVALNB_HOME") or Path.home() / ".evalnb").expanduser().absolute(),
            database_url=_secret(env, "EVALNB_DATABASE_URL"),
            broker_url=_secret(env, "EVALNB_BROKER_URL"),
            blobs_url=env.get("EVALNB_BLOBS_URL") or None,
            device=env.get("EVALNB_DEVICE") or None,
            sam2_backend=env.get("EVALNB_SAM2_BACKEND") or "auto",
            author=env.get("EVALNB_AUTHOR") or env.get("USER") or env.get("LOGNAME") or "me",
            host=env.get("EVALNB_HOST") or "127.0.0.1",
            port=_port(env.get("EVALNB_PORT") or "8888"),
            public_url=_public_url(env.get("EVALNB_PUBLIC_URL") or None),
            trusted_proxies=_networks(env.get("EVALNB_TRUSTED_PROXIES") or "127.0.0.0/8, ::1"),
            resident_models=_count(env, "EVALNB_RESIDENT_MODELS", 2),
            offline=(env.get("EVALNB_OFFLINE") or "0") not in {"0", "false", "no"},
            upload_max_gb=_positive(env, "EVALNB_UPLOAD_MAX_GB", 20),
            upload_quota_gb=_positive(env, "EVALNB_UPLOAD_QUOTA_GB", 100),
            upload_expires_h=_positive(env, "EVALNB_UPLOAD_EXPIRES_H", 48),
            served_days=_positive(env, "EVALNB_SERVED_DAYS", 90),
        )

    @property
    def proxy_networks(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """``trusted_proxies``, read."""
        return _read_networks(self.trusted_proxies)

    def to_environment(self) -> dict[str, str]:
        """The variables that make a child process read these same settings."""
        values = {
            "EVALNB_HOME": str(self.home),
            "EVALNB_DATABASE_URL": self.database_url,
            "EVALNB_BROKER_URL": self.broker_url,
            "EVALNB_BLOBS_URL": self.blobs_url,
            "EVALNB_DEVICE": self.device,
            "EVALNB_SAM2_BACKEND": self.sam2_backend,
            "EVALNB_AUTHOR": self.author,
            "EVALNB_HOST": self.host,
            "EVALNB_PORT": str(self.port),
            "EVALNB_PUBLIC_URL": self.public_url,
            "EVALNB_TRUSTED_PROXIES": self.trusted_proxies,
            "EVALNB_RESIDENT_MODELS": str(self.resident_models),
            "EVALNB_OFFLINE": "1" if self.offline else "0",
            "EVALNB_UPLOAD_MAX_GB": f"{self.upload_max_gb:g}",
            "EVALNB_UPLOAD_QUOTA_GB": f"{self.upload_quota_gb:g}",
            "EVALNB_UPLOAD_EXPIRES_H": f"{self.upload_expires_h:g}",
            "EVALNB_SERVED_DAYS": f"{self.served_days:g}",
        }
        return {name: value for name, value in values.items() if value is not None}

    def child_environment(self, **more: str) -> dict[str, str]:
        """The whole environment for a child process: this process's own, these settings, and ``more``."""
        return {**os.environ, **self.to_environment(), **more}


@contextmanager
def environment(values: Mapping[str, str]) -> Iterator[None]:
    """Set variables while a vendor's library is imported, and put the environment back as it was.

    Some libraries read their settings from the environment at import and write others into it; neither should reach
    the person's own code or its child processes.
    """
    before = dict(os.environ)
    os.environ.update(values)
    try:
        yield
    finally:
        for name in set(os.environ) - set(before):
            del os.environ[name]
        for name, value in before.items():
            if os.environ.get(name) != value:
                os.environ[name] = value


def _networks(text: str) -> str:
    """``text``, once it is known to name networks."""
    _read_networks(text)
    return text


@cache
def _read_networks(text: str) -> tuple[IPv4Network | IPv6Network, ...]:
    try:
        return tuple(ip_network(one.strip()) for one in text.split(",") if one.strip())
    except ValueError as error:
        raise Invalid(
            f"EVALNB_TRUSTED_PROXIES is {text!r} ({error})",
            remedy="write addresses or networks with commas between, for instance 10.0.0.5, 172.16.0.0/12",
        ) from error


def _secret(env: Mapping[str, str], name: str) -> str | None:
    """The value, or what stands in the file that ``<name>_FILE`` names: how containers are given secrets."""
    if env.get(name) or not (path := env.get(f"{name}_FILE")):
        return env.get(name) or None
    try:
        return Path(path).read_text().strip() or None
    except OSError as error:
        raise Invalid(
            f"{name}_FILE is {path!r}, which cannot be read ({error.strerror})", remedy="correct it"
        ) from None


def _port(text: str) -> int:
    if not (text.isdecimal() and 0 < int(text) < 65536):
        raise Invalid(f"EVALNB_PORT is {text!r}", remedy="set it to a number from 1 to 65535, or unset it")
    return int(text)


def _positive(env: Mapping[str, str], name: str, default: float) -> float:
    text = env.get(name) or str(default)
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise Invalid(f"{name} is {text!r}", remedy=f"set it to a number greater than 0, such as {default:g}")
    return value


def _public_url(text: str | None) -> str | None:
    if text is None:
        return None
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path.strip("/") or parts.query:
        raise Invalid(
            f"EVALNB_PUBLIC_URL is {text!r}", remedy="set it to a scheme and a host, like https://evalnb.example.org"
        )
    return f"{parts.scheme}://{parts.netloc}"


def _count(env: Mapping[str, str], name: str, default: int) -> int:
    text = env.get(name) or str(default)
    if not (text.isdecimal() and 0 < int(text) < 10_000):
        raise Invalid(f"{name} is {text!r}", remedy=f"set it to a whole number from 1 on, such as {default}")
    return int(text)
