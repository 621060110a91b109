"""docker-compose.yml: what runs after what, as whom, with which secrets, and who can be reached."""

from __future__ import annotations

import os
import re
import shutil
import socket
import stat
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
import redis

from evalnb.settings import Settings
from tests.outside import SAY_HOW
from tools.images.running import compose, in_order

ROOT = Path(__file__).parents[2]
OURS = ("migrate", "api", "worker", "worker-gpu", "lab", "voila", "portal", "front")
DOCKERFILE = (ROOT / "docker" / "Dockerfile").read_text()


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    found: dict[str, Any] = compose({})["services"]
    return found


def test_every_image_of_ours_is_built_from_a_target_of_the_dockerfile(services: dict[str, Any]) -> None:
    targets = set(re.findall(r"^FROM \S+ AS (\S+)$", DOCKERFILE, re.MULTILINE))
    assert {name for name, one in services.items() if one["image"].startswith("evalnb-")} == set(OURS)
    built = {one["image"]: one["build"]["target"] for one in services.values() if "build" in one}
    assert {services[name]["image"] for name in OURS} == set(built)
    for image, target in built.items():
        assert image == f"evalnb-{target}" and target in targets


def test_every_service_that_stays_says_whether_it_is_well(services: dict[str, Any]) -> None:
    for name, one in services.items():
        stage = DOCKERFILE.partition(f" AS {one['image'].removeprefix('evalnb-')}\n")[2].partition("\nFROM ")[0]
        assert one["restart"] == "no" or "healthcheck" in one or "HEALTHCHECK" in stage, name


def test_a_service_asks_after_itself_and_not_after_another(services: dict[str, Any]) -> None:
    # One image may be for several services, and its own question is that of one of them.
    for name in ("api", "worker", "worker-gpu", "front"):
        assert services[name]["healthcheck"]["test"][1:] == [
            "evalnb",
            "serve",
            services[name]["command"][1],
            "--probe",
        ]


def test_nothing_starts_before_what_it_needs_is_well(services: dict[str, Any]) -> None:
    for name, one in services.items():
        for needed, how in one.get("depends_on", {}).items():
            once = services[needed]["restart"] == "no"
            assert how["condition"] == ("service_completed_successfully" if once else "service_healthy"), name
    order = in_order(services)
    assert order[:2] == ["migrate", "api"] and order[-1] == "front"
    # `up --wait` takes the end of a service for a failure, unless another waits for that end.
    assert services["api"]["depends_on"]["migrate"]


def test_nothing_of_ours_runs_as_root_or_can_become_it(services: dict[str, Any]) -> None:
    for name, one in services.items():
        assert one["security_opt"] == ["no-new-privileges:true"], name
        assert "privileged" not in one and "user" not in one, name
    for name in OURS:
        assert services[name]["cap_drop"] == ["ALL"] and "cap_add" not in services[name], name
    for target in {services[name]["image"].removeprefix("evalnb-") for name in OURS}:
        assert user_of(target) == "10001:10001"


def user_of(stage: str) -> str:
    """Whom the last USER of a stage names, or of the stage that it begins with."""
    found = re.search(rf"^FROM (\S+) AS {stage}\n(.*?)(?=^FROM |\Z)", DOCKERFILE, re.MULTILINE | re.DOTALL)
    assert found is not None, stage
    said: list[str] = re.findall(r"^USER (\S+)$", found[2], re.MULTILINE)
    return said[-1] if said else user_of(found[1])


def test_only_the_front_can_be_reached_and_only_from_this_machine(services: dict[str, Any]) -> None:
    assert {name: one["ports"] for name, one in services.items() if "ports" in one} == {
        "front": ["127.0.0.1:8888:8888"]
    }
    assert {name for name, one in services.items() if "outside" in one["networks"]} == {
        *("front", "lab", "worker", "worker-gpu")
    }
    assert compose({})["networks"]["inside"]["internal"] is True


def test_another_port_is_the_one_that_people_are_shown() -> None:
    front = compose({"EVALNB_PORT": "9000"})["services"]["front"]
    assert front["ports"] == ["127.0.0.1:9000:8888"]
    assert front["environment"]["EVALNB_PUBLIC_URL"] == "http://127.0.0.1:9000"


def test_whoever_reads_images_finds_them_at_the_same_place(services: dict[str, Any]) -> None:
    seen = {name: {one.split(":")[1] for one in services[name].get("volumes", [])} for name in services}
    readers = ("api", "worker", "worker-gpu", "lab", "voila")
    assert all(seen[name] == {"/var/lib/evalnb", "/notebooks", "/data"} for name in readers)
    assert seen["front"] == {"/var/lib/evalnb"} and not seen["portal"]
    written = {(name, one) for name in OURS for one in services[name].get("volumes", []) if not one.endswith(":ro")}
    assert {one for one in written if "home:" not in one[1]} == {("lab", "notebooks:/notebooks")}
    given = compose({"EVALNB_DATA": "/srv/images"})["services"]
    assert all("/srv/images:/data:ro" in given[name]["volumes"] for name in readers)


def test_what_trains_has_shared_memory(services: dict[str, Any]) -> None:
    assert {name for name, one in services.items() if one.get("shm_size") == "2gb"} == {
        *("worker", "worker-gpu", "lab")
    }


def test_no_secret_stands_in_an_environment_or_a_command(services: dict[str, Any]) -> None:
    for name, one in services.items():
        for variable, value in one.get("environment", {}).items():
            if re.search(r"PASSWORD|TOKEN|SECRET|KEY|DATABASE_URL|BROKER_URL", variable):
                assert variable.endswith("_FILE") and str(value).startswith("/run/secrets/"), (name, variable)
        for secret in one.get("secrets", []):
            assert secret in compose({})["secrets"], name
    ignored = subprocess.run(["git", "check-ignore", "docker/secrets/database-url"], cwd=ROOT, check=False)
    assert ignored.returncode == 0


def test_secrets_are_made_once_and_are_for_nobody_else(tmp_path: Path) -> None:
    script = shutil.copy(ROOT / "docker" / "secrets.sh", tmp_path)
    subprocess.run([script], check=True, capture_output=True)
    made = {path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()}
    assert {f"docker/secrets/{name}" for name in made} == {one["file"] for one in compose({})["secrets"].values()}
    assert stat.S_IMODE((tmp_path / "secrets").stat().st_mode) == 0o700
    assert made["database-url"] == f"postgresql://evalnb:{made['database-password']}@postgres:5432/evalnb"
    assert made["broker-url"] == f"redis://:{made['broker-password']}@redis:6379/0"
    assert len(made["database-password"]) == len(made["broker-password"]) == 48
    subprocess.run([script], check=True, capture_output=True)
    assert {path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()} == made


def test_every_setting_can_be_given_from_outside(services: dict[str, Any]) -> None:
    known = {f"EVALNB_{field.upper()}" for field in Settings.__dataclass_fields__}
    # Said by the compose file itself, or by secrets; blobs elsewhere want a package that the images have not.
    fixed = {*("EVALNB_HOME", "EVALNB_HOST", "EVALNB_PORT", "EVALNB_TRUSTED_PROXIES"), "EVALNB_BLOBS_URL"}
    fixed |= {"EVALNB_DATABASE_URL", "EVALNB_BROKER_URL"}
    given = compose({name: f"{name} was given" for name in known})["services"]["front"]["environment"]
    assert {name for name in known if given.get(name) == f"{name} was given"} == known - fixed


def test_the_page_about_containers_names_what_can_be_set() -> None:
    told = (ROOT / "docs" / "containers.md").read_text()
    for name in set(re.findall(r"\$\{(EVALNB_\w+):-", (ROOT / "docker-compose.yml").read_text())):
        assert f"`{name}`" in told or name.startswith("EVALNB_UPLOAD_"), name


def test_settings_that_nobody_gave_are_the_defaults(services: dict[str, Any]) -> None:
    given = {name: str(value) for name, value in services["api"]["environment"].items() if "_URL" not in name}
    plain = Settings.from_environment({"EVALNB_HOME": "/var/lib/evalnb", "EVALNB_HOST": "0.0.0.0"})
    read = Settings.from_environment(given)
    different = {name for name in Settings.__dataclass_fields__ if getattr(read, name) != getattr(plain, name)}
    assert different == {"trusted_proxies"}
    networks = compose({})["networks"]
    assert {str(one) for one in read.proxy_networks} == {
        *(networks[name]["ipam"]["config"][0]["subnet"] for name in ("inside", "outside")),
        "127.0.0.0/8",
    }


@pytest.mark.outside
def test_redis_asks_for_the_password_of_its_file(services: dict[str, Any], tmp_path: Path) -> None:
    if shutil.which("redis-server") is None:
        pytest.skip(SAY_HOW)
    (tmp_path / "broker-password").write_text("open-sesame")
    # What the image has, and this machine has not: an entry point that leaves root and runs what it is told.
    entry = tmp_path / "docker-entrypoint.sh"
    entry.write_text('#!/bin/sh\nexec "$@"\n')
    entry.chmod(0o755)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    *shell, command = services["redis"]["command"]
    command = command.replace("/run/secrets", str(tmp_path)).replace("/data", str(tmp_path))
    command = command.replace("redis-server -", f"redis-server - --port {port}")
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen([*shell, command], env=environment, cwd=tmp_path, stdout=log, stderr=log)
    try:
        known = redis.Redis(port=port, password="open-sesame")
        until = time.monotonic() + 60
        while not _answers(known):
            assert process.poll() is None and time.monotonic() < until, (tmp_path / "log").read_text()
        assert known.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        assert known.config_get("appendonly") == {"appendonly": "yes"}
        with pytest.raises(redis.AuthenticationError):
            redis.Redis(port=port).ping()
    finally:
        # What Docker does: the first process is told, and nobody else. Redis writes its last and goes.
        process.terminate()
        assert process.wait(timeout=60) == 0


def _answers(server: redis.Redis) -> bool:
    try:
        return bool(server.ping())
    except redis.ConnectionError:
        time.sleep(0.05)
        return False
