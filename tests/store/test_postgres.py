"""The embedded PostgreSQL: shared, adopted, found dead or alive, and clear about what it cannot do."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import stat
import subprocess
import sys
from pathlib import Path

import psutil
import psycopg
import pytest

from evalnb.errors import Unavailable
from evalnb.settings import Settings
from evalnb.store import broker, migrations, open_store
from evalnb.store.embedded import postgres, valkey
from evalnb.store.embedded._process import at_work_in
from tests.store.processes import kill_server, postmaster_pid, said, script

ENSURE = (
    "import sys, pathlib; from evalnb.store.embedded import postgres as p; print(p.ensure(pathlib.Path(sys.argv[1])))"
)
# Python itself may stand where only root may read: everything is imported before root becomes somebody else.
ENSURE_AS_NOBODY = """
import contextlib, os, pathlib, sys, psycopg
from evalnb.errors import EvalnbError
from evalnb.settings import Settings
from evalnb.store import broker, migrations, open_store
from evalnb.store.embedded import postgres, valkey
from evalnb.store.embedded._process import at_work_in
with contextlib.suppress(psycopg.OperationalError):
    psycopg.connect("host=/nowhere user=nobody")
os.setgroups([]); os.setgid(65534); os.setuid(65534)
try:
    print(postgres.ensure(pathlib.Path(sys.argv[1])))
except EvalnbError as error:
    print(type(error).__name__, error)
"""
ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")


def ask(url: str, query: str) -> object:
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(query).fetchone()
        assert row is not None
        return row[0]


def tell(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement)


def test_a_new_home_is_private_and_its_server_listens_on_no_port(own_home: Path) -> None:
    home = own_home / "new"
    url = postgres.ensure(home)
    try:
        assert stat.S_IMODE(home.stat().st_mode) == 0o700
        assert stat.S_IMODE((home / "postgres").stat().st_mode) == 0o700
        assert ask(url, "SHOW listen_addresses") == ""
        assert ask(url, "SHOW fsync") == "on" and ask(url, "SHOW synchronous_commit") == "on"
        assert ask(url, "SELECT '[1,2,3]'::vector <-> '[1,2,3]'::vector") == 0
        assert int(str(ask(url, "SELECT setting FROM pg_settings WHERE name = 'shared_buffers'"))) * 8192 >= 128 << 20
    finally:
        postgres.stop(home)


def test_several_processes_at_once_make_one_server(own_home: Path) -> None:
    kernels = [script(ENSURE, own_home) for _ in range(4)]
    assert {said(one) for one in kernels} == {postgres.ensure(own_home)}
    family: dict[int, int] = {}
    for one in at_work_in(own_home / "postgres" / "data", "postgres"):
        with contextlib.suppress(psutil.NoSuchProcess):  # the session of the last who asked may just end
            family[one.pid] = one.ppid()
    assert [pid for pid, parent in family.items() if parent not in family] == [postmaster_pid(own_home)]


def test_a_killed_parent_leaves_its_server_to_be_adopted(own_home: Path) -> None:
    parent = script(
        ENSURE + "; import os, psycopg;"
        "c = psycopg.connect(p.ensure(pathlib.Path(sys.argv[1])), autocommit=True);"
        "c.execute('CREATE TABLE kept AS SELECT 42 AS answer'); os.kill(os.getpid(), 9)",
        own_home,
    )
    said(parent, returncode=-signal.SIGKILL)
    pid = postmaster_pid(own_home)
    assert ask(postgres.ensure(own_home), "SELECT answer FROM kept") == 42
    assert postmaster_pid(own_home) == pid


def test_ctrl_c_in_the_parents_terminal_does_not_reach_the_server(own_home: Path) -> None:
    # A shell that starts its tests in the background has them ignore SIGINT, and a child inherits that.
    listen = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    last = "; sys.stdout.flush(); import time; time.sleep(60)"
    parent = script(listen + ENSURE + last, own_home, start_new_session=True)
    assert parent.stdout is not None and parent.stdout.readline()
    os.killpg(parent.pid, signal.SIGINT)
    parent.communicate(timeout=30)
    assert os.getsid(postmaster_pid(own_home)) != os.getsid(0)
    assert ask(postgres.ensure(own_home), "SELECT 1") == 1


def test_what_was_committed_survives_sigkill_of_the_server(own_home: Path) -> None:
    url = postgres.ensure(own_home)
    tell(url, "CREATE TABLE kept AS SELECT generate_series(1, 1000) AS n")
    kill_server(postmaster_pid(own_home))
    assert ask(postgres.ensure(own_home), "SELECT count(*) FROM kept") == 1000


def test_a_killed_postmaster_is_replaced_while_its_session_still_computes(own_home: Path) -> None:
    url = postgres.ensure(own_home)
    with contextlib.closing(psycopg.connect(url, autocommit=True)) as busy:
        pid = busy.info.backend_pid
        busy.execute("SET statement_timeout = 0")
        busy.pgconn.send_query(b"SELECT count(*) FROM generate_series(1, 10000000000)")
        os.kill(postmaster_pid(own_home), signal.SIGKILL)
        assert psutil.pid_exists(pid)
        assert ask(postgres.ensure(own_home), "SELECT 1") == 1
        assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_a_stale_pidfile_whose_number_is_another_programs_is_seen_through(own_home: Path) -> None:
    postgres.ensure(own_home)
    account = (own_home / "postgres" / "data").stat()
    pidfile = own_home / "postgres" / "data" / "postmaster.pid"
    lines = pidfile.read_text().splitlines()
    kill_server(int(lines[0]))
    # PostgreSQL itself would refuse: a process of that number and that user is alive.
    identity = {"user": account.st_uid, "group": account.st_gid} if os.geteuid() == 0 else {}
    bystander = subprocess.Popen(["sleep", "60"], **identity)
    try:
        pidfile.write_text("\n".join([str(bystander.pid), *lines[1:]]) + "\n")
        (own_home / "postgres" / ".s.PGSQL.5432.lock").write_text("\n".join([str(bystander.pid), *lines[1:5]]) + "\n")
        assert postgres.status(own_home).pid is None
        assert ask(postgres.ensure(own_home), "SELECT 1") == 1
        assert bystander.poll() is None, "the bystander was harmed"
    finally:
        bystander.kill()
        bystander.wait()


def test_two_homes_have_two_servers(own_home: Path) -> None:
    first, second = own_home / "a", own_home / "b"
    try:
        tell(postgres.ensure(first), "CREATE TABLE here AS SELECT 'first' AS name")
        tell(postgres.ensure(second), "CREATE TABLE here AS SELECT 'second' AS name")
        assert ask(postgres.ensure(first), "SELECT name FROM here") == "first"
        assert ask(postgres.ensure(second), "SELECT name FROM here") == "second"
        assert postmaster_pid(first) != postmaster_pid(second)
    finally:
        postgres.stop(first)
        postgres.stop(second)


def test_a_home_with_a_long_path_has_its_socket_in_a_private_directory_of_tmp(own_home: Path) -> None:
    home = own_home / ("long-" * 20) / "home"
    url = postgres.ensure(home)
    try:
        assert ask(url, "SELECT 1") == 1
        (shared,) = {Path(str(one)).parent for one in [str(ask(url, "SHOW unix_socket_directories"))]}
        assert shared.parent == Path("/tmp") and stat.S_IMODE(shared.stat().st_mode) == 0o700
    finally:
        postgres.stop(home)
        shutil.rmtree(shared)


def test_a_server_whose_socket_was_swept_away_is_replaced(own_home: Path) -> None:
    postgres.ensure(own_home)
    before = postmaster_pid(own_home)
    (own_home / "postgres" / ".s.PGSQL.5432").unlink()
    assert ask(postgres.ensure(own_home), "SELECT 1") == 1
    assert postmaster_pid(own_home) != before


def test_stop_ends_it_and_says_whether_there_was_one(own_home: Path) -> None:
    assert postgres.stop(own_home) is False
    postgres.ensure(own_home)
    standing = postgres.status(own_home)
    assert standing.running and standing.version is not None and standing.version.startswith("18.")
    assert postgres.stop(own_home) is True
    assert not postgres.status(own_home).running and postgres.status(own_home).pid is None
    assert postgres.stop(own_home) is False


def test_looking_at_a_home_that_is_not_there_makes_nothing(tmp_path: Path) -> None:
    assert not postgres.status(tmp_path / "none").running
    assert not postgres.stop(tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_a_home_that_is_a_file_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")
    with pytest.raises(Unavailable, match=r"EVALNB_HOME cannot be used: .*home"):
        postgres.ensure(tmp_path / "home")


def test_data_of_another_major_version_is_refused_with_both_numbers(own_home: Path) -> None:
    postgres.ensure(own_home)
    postgres.stop(own_home)
    (own_home / "postgres" / "data" / "PG_VERSION").write_text("16\n")
    with pytest.raises(Unavailable, match="made by PostgreSQL 16, and this evalnb brings PostgreSQL 18"):
        postgres.ensure(own_home)


def test_an_initdb_that_was_killed_leaves_nothing_in_the_way(own_home: Path) -> None:
    half = own_home / "postgres" / "data.new-1"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    assert ask(postgres.ensure(own_home), "SELECT 1") == 1
    assert not half.exists()


@pytest.mark.parametrize("small_disk", [60], indirect=True)
def test_a_disk_too_small_to_begin_on_is_named_with_its_free_space(small_disk: Path) -> None:
    with pytest.raises(Unavailable, match=r"disk/postgres has \d+ MB free, and 150 MB are needed; free some space"):
        postgres.ensure(small_disk)


@pytest.mark.parametrize("small_disk", [200], indirect=True)
def test_a_server_on_a_full_disk_is_refused_with_path_and_free_space(small_disk: Path) -> None:
    postgres.ensure(small_disk)
    postgres.stop(small_disk)
    ballast = small_disk / "ballast"
    with pytest.raises(OSError), ballast.open("wb", buffering=0) as file:
        while True:
            file.write(b"\0" * 65536)
    with pytest.raises(Unavailable, match=r"disk .*is full \(\d+\.\d MB free\); free some space"):
        postgres.ensure(small_disk)
    ballast.unlink()
    assert ask(postgres.ensure(small_disk), "SELECT 1") == 1


@ROOT_ONLY
def test_as_root_it_runs_as_a_system_user_inside_a_closed_home(own_home: Path) -> None:
    own_home.chmod(0o700)
    postgres.ensure(own_home)
    assert psutil.Process(postmaster_pid(own_home)).uids().effective != 0
    assert stat.S_IMODE(own_home.stat().st_mode) == 0o700


@ROOT_ONLY
@pytest.mark.skipif(shutil.which("setpriv") is None, reason="needs util-linux")
def test_as_root_of_a_container_with_docker_s_capabilities_it_runs_too(own_home: Path) -> None:
    # Docker grants CAP_DAC_OVERRIDE, and not CAP_DAC_READ_SEARCH.
    done = subprocess.run(
        ["setpriv", "--bounding-set=-dac_read_search", sys.executable, "-c", ENSURE, str(own_home)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert ask(done.stdout.strip(), "SELECT 1") == 1


@ROOT_ONLY
def test_an_ordinary_user_runs_it_as_themselves_and_root_works_with_it(own_home: Path) -> None:
    os.chown(own_home, 65534, 65534)
    url = said(script(ENSURE_AS_NOBODY, own_home))
    assert psutil.Process(postmaster_pid(own_home)).uids().effective == 65534
    assert ask(url, "SELECT 1") == 1
    # Root stops it and starts it again: it is still that user's.
    postgres.stop(own_home)
    postgres.ensure(own_home)
    assert psutil.Process(postmaster_pid(own_home)).uids().effective == 65534


@ROOT_ONLY
def test_data_that_root_copied_is_refused_until_it_is_given_back(own_home: Path) -> None:
    postgres.ensure(own_home)
    postgres.stop(own_home)
    subprocess.run(["chown", "-R", "0:0", own_home / "postgres"], check=True)
    with pytest.raises(Unavailable, match=r"data belongs to root, .*: chown -R nobody ") as refusal:
        postgres.ensure(own_home)
    subprocess.run(refusal.value.remedy.partition(": ")[2].split(), check=True)
    assert ask(postgres.ensure(own_home), "SELECT 1") == 1


@ROOT_ONLY
def test_a_home_of_somebody_else_is_refused_by_name(own_home: Path) -> None:
    postgres.ensure(own_home)
    answer = said(script(ENSURE_AS_NOBODY, own_home))
    assert answer.startswith(f"Unavailable EVALNB_HOME cannot be used: {own_home}") and "set EVALNB_HOME" in answer


def test_a_home_whose_name_has_spaces_and_signs_works(own_home: Path) -> None:
    home = own_home / "Ada's 100% home"
    try:
        assert ask(postgres.ensure(home), "SELECT 1") == 1
        assert broker.connect(valkey.ensure(home)).ping()
        opened = open_store(Settings.from_environment({"EVALNB_HOME": str(home), "HOME": str(home)}))
        assert migrations.current(opened.database) == migrations.HEAD
        opened.close()
    finally:
        postgres.stop(home)
        valkey.stop(home)


def test_a_home_whose_name_a_shell_would_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"EVALNB_HOME cannot be used: .* without quotation marks, dollars"):
        postgres.ensure(tmp_path / "$(touch oops)")
    assert list(tmp_path.iterdir()) == []


def test_starting_and_stopping_leaves_no_child_behind(own_home: Path) -> None:
    before = psutil.Process().children(recursive=True)
    postgres.ensure(own_home)
    valkey.ensure(own_home)
    postgres.stop(own_home)
    valkey.stop(own_home)
    assert psutil.Process().children(recursive=True) == before
