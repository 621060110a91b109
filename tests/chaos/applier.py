"""A process that applies ops to one image, as a kernel or a worker would: acknowledges each on a line of its own,
with its status and what somebody else had changed, until it is killed.

python -m tests.chaos.applier IMAGE_ID     (ops as JSON lines on stdin)
"""

from __future__ import annotations

import sys
import time

from evalnb import edits
from evalnb.errors import Unavailable
from evalnb.settings import Settings
from evalnb.store import open_store
from evalnb.wire.shapes import Op


def main() -> None:
    image_id = int(sys.argv[1])
    store = open_store(Settings.from_environment())
    for line in sys.stdin:
        op = Op.model_validate_json(line)
        while True:
            try:
                with store.database.transaction() as session:
                    reply = edits.apply(session, image_id, [op], author="worker")
                break
            except Unavailable:
                time.sleep(0.05)
        done = reply.results[0]
        print(op.client_op_id, done.status, ",".join(done.conflicts) or "-", flush=True)


if __name__ == "__main__":
    main()
