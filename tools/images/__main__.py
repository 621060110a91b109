"""Build every image of docker/Dockerfile and run docker-compose.yml's services from them, where there is no Docker.

``make images-check`` runs this, as root, with Debian's buildah and debootstrap. The base images are made here from
Debian's packages and go in as build arguments. What each service runs, with which environment, secrets, volumes and
health check, and after whom, is read from docker-compose.yml and the images; the containers are chroots that share
a loopback, in a network namespace of their own. PostgreSQL and Redis are the distribution's own. In the end the one
address is asked for its pages, and what happened is written down in docs/images-check.json.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import platform
import shutil
import sys
from collections.abc import Sequence
from typing import Any

from tools.images.building import PLACE, ROOT, TARGETS, Buildah, Failed, bases, image
from tools.images.running import run

RECORD = ROOT / "docs" / "images-check.json"


def main() -> int:
    """0 if every image was built, every service answered, and the pages were there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("targets", nargs="*", help=f"only build these of {', '.join(TARGETS)}, and start nothing")
    parser.add_argument("--then", help="a shell command to run while all is up; EVALNB_HOUSE says where")
    asked = parser.parse_args()
    try:
        if strange := set(asked.targets) - set(TARGETS):
            raise Failed(f"there is no target {sorted(strange)[0]!r}; there are {', '.join(TARGETS)}")
        record = check(asked.targets, asked.then)
    except Failed as error:
        print(f"images-check: {error}", file=sys.stderr)
        return 1
    if not asked.targets:
        RECORD.write_text(json.dumps(record, indent=1) + "\n")
        print(f"written down in {RECORD.relative_to(ROOT)}")
    return 0


def check(targets: Sequence[str], then: str | None) -> dict[str, Any]:
    """Build, and unless only some targets were asked for, run."""
    missing = [name for name in ("buildah", "debootstrap") if shutil.which(name) is None]
    if missing or os.geteuid() != 0:
        raise Failed(
            "needs root, buildah and debootstrap: apt-get install --no-install-recommends buildah debootstrap"
        )
    PLACE.mkdir(parents=True, exist_ok=True)
    buildah = Buildah.here()
    bases(buildah)
    images = {target: image(buildah, target) for target in targets or TARGETS}
    record = {
        "date": dt.date.today().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, kernel {platform.release()}",
        "builder": f"{buildah.version()}, isolation chroot, storage {buildah.driver}",
        "images": images,
    }
    return record if targets else {**record, **run(buildah, then)}


if __name__ == "__main__":
    sys.exit(main())
