"""Run by test_interrupted_import in a process that is killed: import one file into one dataset, and say so."""

import sys
from pathlib import Path

from evalnb.registry import _coco_import
from evalnb.registry.ingest import import_coco
from evalnb.settings import Settings
from evalnb.store import open_store


def main() -> None:
    project, annotations, images = sys.argv[1:4]
    store = open_store(Settings.from_environment())
    # Small batches, so that a kill finds many places to strike.
    _coco_import.BATCH = 10
    print("begun", flush=True)
    import_coco(store, int(project), "killed", images=Path(images), annotations=Path(annotations))
    print("finished", flush=True)


if __name__ == "__main__":
    main()
