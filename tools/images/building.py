"""The images of docker/Dockerfile, built by buildah on base images that are made here from Debian's packages."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
PLACE = ROOT / ".build" / "images"
SUITE = "bookworm"
TARGETS = ("portal", "api", "voila", "models")
PYTHON, NODE = "localhost/evalnb-check/python", "localhost/evalnb-check/node"
# How this machine trusts its mirrors goes into the base images, since the builds ask the same mirrors.
TRUST = ("SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS", "PIP_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")


class Failed(Exception):
    """What went wrong, and what to do."""


@dataclass(frozen=True, slots=True)
class Buildah:
    """buildah with a store of its own."""

    driver: str

    @classmethod
    def here(cls) -> Buildah:
        """overlay where this kernel lets us mount one, else vfs, which copies every layer."""
        with tempfile.TemporaryDirectory(dir=PLACE) as folder:
            places = [Path(folder, name) for name in ("lower", "upper", "work", "merged")]
            for place in places:
                place.mkdir()
            lower, upper, work, merged = places
            options = f"lowerdir={lower},upperdir={upper},workdir={work}"
            mounted = subprocess.run(
                ["mount", "-t", "overlay", "overlay", "-o", options, merged], capture_output=True, check=False
            )
            if mounted.returncode:
                return cls("vfs")
            subprocess.run(["umount", merged], check=True)
        return cls("overlay")

    def command(self, *arguments: str | Path) -> list[str]:
        """The command line."""
        store = ["--storage-driver", self.driver, "--root", PLACE / "store", "--runroot", PLACE / "run"]
        return list(map(str, ["buildah", *store, *arguments]))

    def said(self, *arguments: str | Path) -> str:
        """What it printed. Failed, with its last words, where it failed."""
        done = subprocess.run(self.command(*arguments), capture_output=True, text=True, check=False)
        if done.returncode:
            raise Failed(f"buildah {arguments[0]} failed:\n{(done.stdout + done.stderr)[-4000:]}")
        return done.stdout.strip()

    def version(self) -> str:
        """``buildah 1.28.2``"""
        return " ".join(self.said("--version").split()[::2][:2])

    def has(self, name: str) -> bool:
        """Whether the image is there."""
        return subprocess.run(self.command("inspect", name), capture_output=True, check=False).returncode == 0


def bases(buildah: Buildah) -> None:
    """The two base images: Debian with Python, and the same with this machine's Node."""
    if buildah.has(PYTHON) and buildah.has(NODE):
        return
    print(f"making the base images from Debian {SUITE} …", flush=True)
    mirror = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    debian = next((one for one in mirror if one.rstrip("/").endswith("/debian")), None)
    if debian is None:
        raise Failed("apt knows no mirror of Debian: run `apt-get update`")
    with tempfile.TemporaryDirectory(dir=PLACE) as folder:
        root = Path(folder, "root")
        packages = "python3,python3-venv,ca-certificates"
        with (PLACE / "debootstrap.log").open("wb") as log:
            command = ["debootstrap", "--variant=minbase", f"--include={packages}", SUITE, root, debian]
            if subprocess.run(command, stdout=log, stderr=log, check=False).returncode:
                raise Failed(f"debootstrap failed; its log is {log.name}")
        if BUNDLE.is_file():
            shutil.copy(BUNDLE, root / BUNDLE.relative_to("/"))
        trust = " ".join(f"{name}={BUNDLE}" for name in TRUST if os.environ.get(name))
        said = f"ENV {trust}\n" if trust else ""
        Path(folder, "Dockerfile").write_text(f'FROM scratch\nADD root /\n{said}CMD ["bash"]\n')
        buildah.said("bud", "--isolation", "chroot", "-t", PYTHON, folder)
        node = Path(shutil.which("node") or "/nowhere").resolve()
        modules = next((one for one in (node.parent.parent / "lib").glob("node_modules")), None)
        if modules is None:
            raise Failed("Node ≥ 20 with npm was not found on this machine, from which the base image takes it")
        shutil.copytree(modules / "npm", Path(folder, "npm"), symlinks=True)
        shutil.copy(node, Path(folder, "node"))
        npm = "/usr/lib/node_modules/npm"
        links = f"ln -s {npm}/bin/npm-cli.js /usr/bin/npm && ln -s {npm}/bin/npx-cli.js /usr/bin/npx"
        said = f"FROM {PYTHON}\nCOPY node /usr/bin/node\nCOPY npm {npm}\nRUN {links}\n"
        Path(folder, "Dockerfile").write_text(said)
        buildah.said("bud", "--isolation", "chroot", "--pull=never", "-t", NODE, folder)


def image(buildah: Buildah, target: str) -> dict[str, Any]:
    """Build one target; how long that took, and its size."""
    print(f"── building {target}", flush=True)
    began = time.monotonic()
    how = ["--isolation", "chroot", "--layers", "--pull=never", "--format", "docker"]
    given = ["--build-arg", f"PYTHON={PYTHON}", "--build-arg", f"NODE={NODE}", "--target", target]
    what = ["-t", f"localhost/evalnb-{target}", "-f", ROOT / "docker" / "Dockerfile", ROOT]
    shown(*buildah.command("bud", *how, *given, *what))
    made = buildah.said("from", "--pull=never", f"localhost/evalnb-{target}")
    try:
        mounted = buildah.said("mount", made)
        told = subprocess.run(["du", "-sbx", mounted], capture_output=True, text=True, check=True).stdout
        has_torch = any(Path(mounted, "opt").glob("evalnb/lib/python3*/site-packages/torch"))
    finally:
        buildah.said("rm", made)
    return {
        "MB": round(int(told.split()[0]) / 1e6),
        "torch": has_torch,
        "built in s": round(time.monotonic() - began),
    }


def shown(*command: str | Path, environment: Mapping[str, str] | None = None) -> None:
    """Run it before everybody's eyes. Failed where it fails."""
    done = subprocess.run(list(map(str, command)), env={**os.environ, **(environment or {})}, check=False)
    if done.returncode:
        raise Failed(f"{command[0]} ended with {done.returncode}")
