"""The job row: ask for long work, ring for a worker, follow it, cancel it; and a worker's half: claim and report.

with store.database.transaction() as session:
    job_id = jobs.ask(session, project_id, "train", arguments, author=author)
jobs.ring(store, job_id)          # after the commit
jobs.Job(store, job_id).wait()
"""

from evalnb.core.jobs import JobEvent, JobFailure, JobProgress, JobRecord, WorkerRecord
from evalnb.jobs.broker import announce, retire, ring, workers
from evalnb.jobs.claims import ATTEMPTS, Claim, claim, reap
from evalnb.jobs.handle import Job
from evalnb.jobs.rows import ask, cancel, counts, events, log_tail, page, read, recent
from evalnb.jobs.submit import Submit, submit

__all__ = [
    "ATTEMPTS",
    "Claim",
    "Job",
    "JobEvent",
    "JobFailure",
    "JobProgress",
    "JobRecord",
    "Submit",
    "WorkerRecord",
    "announce",
    "ask",
    "cancel",
    "claim",
    "counts",
    "events",
    "log_tail",
    "page",
    "read",
    "reap",
    "recent",
    "retire",
    "ring",
    "submit",
    "workers",
]
