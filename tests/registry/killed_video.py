"""Run by test_video_in in a process that is killed: import one video into one dataset."""

import sys
from pathlib import Path

from evalnb.registry import _video_import
from evalnb.registry.ingest import import_video
from evalnb.settings import Settings
from evalnb.store import open_store


def main() -> None:
    project, video = sys.argv[1:3]
    store = open_store(Settings.from_environment())
    _video_import.BATCH = 10
    print("begun", flush=True)
    import_video(store, int(project), "killed", videos=Path(video), every=2)
    print("finished", flush=True)


if __name__ == "__main__":
    main()
