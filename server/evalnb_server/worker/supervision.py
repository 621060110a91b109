"""One claimed job: start its process, keep its lease, carry its output to the log, end it, and settle its row."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from evalnb import jobs
from evalnb.errors import StaleFence, Unavailable
from evalnb_server.worker import outcome
from evalnb_server.worker.endings import explain, oom_kills
from evalnb_server.worker.options import Options
from evalnb_server.worker.output import Output
from evalnb_server.worker.patience import patiently

_log = logging.getLogger(__name__)

_TICK_S = 0.1


def folder_of(claim: jobs.Claim) -> Path:
    """Where a job keeps checkpoints and scratch files: ``<home>/jobs/<id>``."""
    return claim.store.settings.home / "jobs" / str(claim.id)


def run(claim: jobs.Claim, options: Options, *, stopping: threading.Event) -> None:
    """Run a claimed job to its end. When ``stopping`` is set the job is handed back, after time for a checkpoint."""
    folder = folder_of(claim)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    kills_before = oom_kills()
    process = _start(claim, options, folder)
    assert process.stdout is not None
    output = Output(process.stdout.fileno())
    _log.info("job %s (%s) runs as process %d", claim.id, claim.job.kind, process.pid)
    try:
        mine = _watch(claim, options, process, output, stopping)
    finally:
        # Also when this thread fails: nothing of the job may outlive its supervision.
        _kill_group(process)
        returncode = process.wait()
        output.join(2.0)
        process.stdout.close()
        if process.stdin is not None:
            process.stdin.close()
    if not mine:
        _log.warning("job %s was lost to another worker; its process was ended", claim.id)
        return
    if returncode == -signal.SIGKILL:
        time.sleep(0.2)  # The kernel raises its counter a moment after the kill.
    out_of_memory = oom_kills() > kills_before
    try:
        patiently(
            lambda: _settle(claim, output, returncode, out_of_memory, stopping.is_set()), within_s=options.lease_s
        )
    except StaleFence as error:
        _log.warning("%s", error)
    except Unavailable as error:
        _log.error("the end of job %s was not written (%s); another worker takes it over", claim.id, error.happened)


def _start(claim: jobs.Claim, options: Options, folder: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "evalnb_server.worker.body", str(claim.id), str(claim.job.fence)]
    for module in options.bodies:
        command += ["--bodies", module]
    return subprocess.Popen(
        command,
        # The lifeline: the body ends itself when this pipe closes, which the system does if we are killed.
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        cwd=folder,
        env=claim.store.settings.child_environment(PYTHONUNBUFFERED="1"),
    )


def _watch(
    claim: jobs.Claim,
    options: Options,
    process: subprocess.Popen[bytes],
    output: Output,
    stopping: threading.Event,
) -> bool:
    """Until the process ends. False if the job is no longer ours, so that its row is not to be touched."""
    lease_ends = time.monotonic() + options.lease_s
    next_beat = 0.0
    told_at: float | None = None
    cancel = False
    while process.poll() is None:
        now = time.monotonic()
        if now >= next_beat:
            next_beat = now + options.beat_s
            try:
                cancel = claim.beat(lease_s=options.lease_s)
                lease_ends = now + options.lease_s
                _write_log(claim, output)
            except StaleFence:
                return False
            except Unavailable as error:
                _log.warning("job %s: no heartbeat (%s)", claim.id, error.happened)
        if now >= lease_ends:
            return False
        if told_at is None and (cancel or stopping.is_set()):
            told_at = now
            # To the body alone: it stops its children in order. The group gets SIGKILL at the end.
            process.send_signal(signal.SIGTERM)
        if told_at is not None and now - told_at >= options.grace_s:
            _kill_group(process)
        _nap(process)
    return True


def _write_log(claim: jobs.Claim, output: Output) -> None:
    text = output.take()
    if not text:
        return
    try:
        claim.log(text)
    except Unavailable:
        output.put_back(text)
        raise


def _nap(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(_TICK_S)
    except subprocess.TimeoutExpired:
        return


def _settle(claim: jobs.Claim, output: Output, returncode: int, out_of_memory: bool, stopping: bool) -> None:
    """Write the last output and then the job's end; StaleFence if it has moved on."""
    _write_log(claim, output)
    folder = folder_of(claim)
    said = outcome.read(folder, claim.job.fence)
    if said is not None and said.result is not None:
        claim.succeed(said.result)
        _log.info("job %s succeeded", claim.id)
        shutil.rmtree(folder, ignore_errors=True)
        return
    if said is None and stopping and not claim.read().cancel_requested:
        claim.hand_back()
        _log.info("job %s was handed back", claim.id)
        return
    if said is None and claim.read().cancel_requested:
        claim.end_cancelled()
        _log.info("job %s was cancelled", claim.id)
    else:
        unsaid = explain(returncode, out_of_memory=out_of_memory, tail=output.tail())
        failure = unsaid if said is None or said.failure is None else said.failure
        claim.fail(failure)
        _log.warning("job %s failed: %s", claim.id, failure.happened)
    # Of a job that has ended, the files that it was given go; a checkpoint stays.
    shutil.rmtree(folder / "data", ignore_errors=True)


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    """SIGKILL to all that is left in the body's session: the body, data loaders, whatever they started."""
    try:
        # The body leads its own session and group (start_new_session), so its pid is the group's id.
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    except PermissionError:
        # macOS: the group holds only a zombie, which wait() will collect.
        return
