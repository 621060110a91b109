"""Importing COCO-train2017's shape, and listing, filtering and paging a million images.

Everything happens in a temporary home with its own PostgreSQL. The file is generated: the same bytes each time, with
COCO-train2017's counts and its usual sizes (118,287 images, 860,001 annotations, about 470 MB); its images are empty
files, since an import in place does not open an image whose size the file states. Prints tables; JSON in
benchmarks/results. ``--scale 0.05`` takes a twentieth of everything.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import platform
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import text

from evalnb.core.slices import Slice
from evalnb.registry.exports import export
from evalnb.registry.ingest import import_coco
from evalnb.settings import Settings
from evalnb.store import Store, open_store
from evalnb.store.embedded import postgres, valkey
from evalnb.store.repositories import annotations, images, projects

RESULTS = Path(__file__).parent / "results" / "ingest.json"
IMAGES, ANNOTATIONS, CLASSES = 118_287, 860_001, 80
MILLION = 1_000_000
LIMIT_MS, LIMIT_S, LIMIT_MB = 50, 60, 1500


def generate(folder: Path, *, image_count: int, annotation_count: int) -> Path:
    """COCO-train2017's shape: one polygon of 4 to 60 points on most annotations, 1.2 % crowds as run lengths."""
    chance = random.Random(2017)
    (folder / "imgs").mkdir()
    file = folder / "instances.json"
    with file.open("w") as out:
        out.write('{"info": {"description": "generated", "year": 2017}, "licenses": [{"id": 1, "name": "none"}], ')
        out.write('"images": [')
        for one in range(1, image_count + 1):
            name = f"{one:012d}.jpg"
            os.close(os.open(folder / "imgs" / name, os.O_CREAT | os.O_WRONLY))
            image = {
                "license": 1,
                "file_name": name,
                "coco_url": f"http://images.cocodataset.org/train2017/{name}",
                "height": 480,
                "width": 640,
                "date_captured": "2013-11-14 11:18:45",
                "flickr_url": "http://farm9.staticflickr.com/8186/8119368305_4e622c8349_z.jpg",
                "id": one,
            }
            out.write((", " if one > 1 else "") + json.dumps(image))
        out.write('], "annotations": [')
        for one in range(1, annotation_count + 1):
            x, y = round(chance.uniform(0, 500), 2), round(chance.uniform(0, 400), 2)
            w, h = (
                round(min(639 - x, chance.expovariate(1 / 90) + 2), 2),
                round(min(479 - y, chance.expovariate(1 / 90) + 2), 2),
            )
            crowd = chance.random() < 0.012
            if crowd:
                runs = [chance.randrange(1, 900) for _ in range(160)]
                outline: Any = {"counts": [*runs, 480 * 640 - sum(runs)], "size": [480, 640]}
            else:
                points = min(4 + int(chance.expovariate(1 / 19)), 60)
                outline = [
                    [
                        round(value, 2)
                        for _ in range(points)
                        for value in (x + chance.random() * w, y + chance.random() * h)
                    ]
                ]
            annotation = {
                "segmentation": outline,
                "area": w * h * 0.7,
                "iscrowd": int(crowd),
                "image_id": chance.randrange(1, image_count + 1),
                "bbox": [x, y, w, h],
                "category_id": 1 + min(int(chance.expovariate(1 / 12)), CLASSES - 1),
                "id": one,
            }
            out.write((", " if one > 1 else "") + json.dumps(annotation))
        out.write('], "categories": [')
        out.write(", ".join(json.dumps({"id": n, "name": f"class {n}"}) for n in range(1, CLASSES + 1)))
        out.write("]}")
    return file


def in_child(what: str, *arguments: str, environment: dict[str, str]) -> dict[str, float]:
    """Run one step in a process of its own, so that its peak memory is its own; its figures."""
    command = [sys.executable, __file__, "--step", what, *arguments]
    done = subprocess.run(command, env={**os.environ, **environment}, check=True, stdout=subprocess.PIPE, text=True)
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def step(what: str, arguments: list[str]) -> None:
    """The child's half of ``in_child``."""
    start = time.perf_counter()
    if what == "json.load":
        with Path(arguments[0]).open("rb") as file:
            json.load(file)
    else:
        store = open_store(Settings.from_environment())
        with store.database.transaction() as session:
            project = projects.opened(session, "bench")
        start = time.perf_counter()
        if what == "import":
            folder = Path(arguments[0])
            report = import_coco(
                store, project, "coco", images=folder / "imgs", annotations=folder / "instances.json"
            )
            assert not report.problem_counts and report.annotations == int(arguments[1]), report
        elif what == "export":
            with store.database.transaction() as session:
                dataset = session.scalar(text("SELECT id FROM dataset WHERE name = 'coco'"))
            export(store, dataset, "coco", Path(arguments[0]), images="none")
        elif what == "truths":
            with store.database.transaction() as session:
                dataset = session.scalar(text("SELECT id FROM dataset WHERE name = 'coco'"))
                annotations.truths(session, dataset, masks=False)
    seconds = time.perf_counter() - start
    usage = resource.getrusage(resource.RUSAGE_SELF)
    peak = usage.ru_maxrss / 1024
    print(json.dumps({"s": seconds, "cpu_s": usage.ru_utime + usage.ru_stime, "peak_mb": peak}))


def make_million(store: Store, count: int) -> int:
    """A dataset of ``count`` images and twice as many boxes, written by SQL."""
    with store.database.transaction() as session:
        project = projects.opened(session, "bench")
        taxonomy = session.scalar(
            text("INSERT INTO taxonomy (project_id, name) VALUES (:p, 'million') RETURNING id"), {"p": project}
        )
        session.execute(
            text(
                "INSERT INTO taxonomy_class (taxonomy_id, class_id, place, name)"
                " SELECT :t, n, n, CASE n WHEN 0 THEN 'common' WHEN 1 THEN 'rare' ELSE 'last' END"
                " FROM generate_series(0, 2) n"
            ),
            {"t": taxonomy},
        )
        dataset = session.scalar(
            text("INSERT INTO dataset (project_id, taxonomy_id, name) VALUES (:p, :t, 'million') RETURNING id"),
            {"p": project, "t": taxonomy},
        )
        # Tags: train on all but the last 2 % (val), night on every third, fog on every 20,000th.
        session.execute(
            text(
                "INSERT INTO image (dataset_id, source_key, file_name, uri, width, height, tags, extra)"
                " SELECT :d, n::text, 'train/' || lpad(n::text, 12, '0') || '.jpg', '/data/' || n || '.jpg',"
                " 640, 480,"
                " ARRAY[CASE WHEN n > :c * 0.98 THEN 'val' ELSE 'train' END]"
                " || CASE WHEN n % 3 = 0 THEN ARRAY['night'] ELSE '{}' END"
                " || CASE WHEN n % 20000 = 7 THEN ARRAY['fog'] ELSE '{}' END,"
                ' \'{"license": 3, "date_captured": "2013-11-14 17:02:52"}\'::jsonb'
                " FROM generate_series(1, :c) n"
            ),
            {"d": dataset, "c": count},
        )
        session.execute(
            text(
                "INSERT INTO image_anchor (dataset_id, place, image_id)"
                " SELECT :d, place, id FROM (SELECT id, row_number() OVER (ORDER BY id) - 1 AS place FROM image"
                " WHERE dataset_id = :d) numbered WHERE place % :s = 0"
            ),
            {"d": dataset, "s": images.ANCHOR_STEP},
        )
        session.execute(
            text(
                "INSERT INTO annotation (id, image_id, dataset_id, class_id, kind, x, y, w, h, area)"
                " SELECT gen_random_uuid(), id, :d,"
                " CASE WHEN half = 1 AND place % 10000 = 5 THEN 1"
                " WHEN half = 1 AND place > :c * 0.99 THEN 2 ELSE 0 END,"
                " 'box', 1, 1, 30, 20, 600 + place % 12000"
                " FROM (SELECT id, row_number() OVER (ORDER BY id) AS place FROM image"
                " WHERE dataset_id = :d) numbered,"
                " generate_series(0, 1) half WHERE NOT (half = 0 AND place % 4 = 0)"
            ),
            {"d": dataset, "c": count},
        )
    with store.database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM (ANALYZE) image, annotation, image_anchor, image_tag"))
    return int(dataset or 0)


def paging(store: Store, dataset: int, count: int, repeats: int) -> dict[str, dict[str, float]]:
    """Milliseconds of each question, first asked and median."""
    with store.database.transaction() as session:
        first = images.page(session, dataset, limit=1)[0].id
    deep = first + int(count * 0.9)
    whole = Slice()
    slices = {
        "tag of a third (night)": whole.where(tag="night"),
        "tag of 50 images (fog)": whole.where(tag="fog"),
        "tag at the end (val)": whole.where(tag="val"),
        "two tags (val, night)": whole.where(tag=["val", "night"]),
        "class on most (common)": whole.where(classes=["common"]),
        "class on 0.01 % (rare)": whole.where(classes=["rare"]),
        "class at the end (last)": whole.where(classes=["last"]),
        "area (small)": whole.where(area="small"),
        "class and area": whole.where(classes=["common"], area="large"),
        "tag and class": whole.where(tag="fog", classes=["common"]),
        "text of one image": whole.where(text=f"{int(count * 0.87):09d}"),
        "text of none": whole.where(text="nowhere"),
    }
    asked: dict[str, Callable[[Any], object]] = {
        "list: first 100": lambda s: images.page(s, dataset, limit=100),
        "list: 100 after 90 %": lambda s: images.page(s, dataset, after=deep, limit=100),
        "places 90 % … + 100": lambda s: images.by_place(s, dataset, whole, int(count * 0.9), 100),
        "places 50 % … + 100": lambda s: images.by_place(s, dataset, whole, count // 2, 100),
        "place of an image": lambda s: images.place_of(s, dataset, whole, deep),
        "count all": lambda s: images.count(s, dataset),
    }
    for name, part in slices.items():
        asked[f"{name}: first 100"] = lambda s, part=part: images.page(s, dataset, part, limit=100)
        asked[f"{name}: 100 after 90 %"] = lambda s, part=part: images.page(s, dataset, part, after=deep, limit=100)
    for name in ("tag of a third (night)", "class on most (common)"):
        asked[f"{name}: places 30 % … + 100"] = lambda s, part=slices[name]: images.by_place(
            s, dataset, part, int(count * 0.3), 100
        )
        asked[f"{name}: count"] = lambda s, part=slices[name]: images.count(s, dataset, part)
    figures: dict[str, dict[str, float]] = {}
    for name, ask in asked.items():
        times = []
        for _ in range(repeats):
            with store.database.transaction() as session:
                session.execute(text("SELECT 1"))
                start = time.perf_counter()
                ask(session)
                times.append((time.perf_counter() - start) * 1e3)
        figures[name] = {"first_ms": times[0], "median_ms": statistics.median(times), "worst_ms": max(times)}
        over = "" if figures[name]["median_ms"] <= LIMIT_MS else "   over"
        print(f"  {name:<48} {figures[name]['median_ms']:8.1f} ms   first {times[0]:8.1f} ms{over}", flush=True)
    return figures


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--scale", type=float, default=1.0)
    options.add_argument("--repeats", type=int, default=15)
    options.add_argument("--only", choices=["import", "paging"])
    options.add_argument("--no-save", action="store_true")
    options.add_argument("--step")
    options.add_argument("arguments", nargs="*")
    chosen = options.parse_args()
    if chosen.step:
        return step(chosen.step, chosen.arguments)
    folder = Path(tempfile.mkdtemp(prefix="evb"))
    settings = Settings.from_environment({"HOME": str(folder), "EVALNB_HOME": str(folder / "h")})
    said: dict[str, Any] = {
        "date": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "hardware": {"cores": os.cpu_count(), "machine": platform.machine(), "load": os.getloadavg()[0]},
        "scale": chosen.scale,
    }
    try:
        store = open_store(settings)
        environment = settings.to_environment()
        if chosen.only != "paging":
            counts = {"image_count": int(IMAGES * chosen.scale), "annotation_count": int(ANNOTATIONS * chosen.scale)}
            file = generate(folder, **counts)
            said["file"] = {**counts, "bytes": file.stat().st_size}
            print(
                f"{counts['image_count']:,} images, {counts['annotation_count']:,} annotations, "
                f"{file.stat().st_size / 1e6:.0f} MB"
            )
            steps = {
                "json.load (peer)": ("json.load", str(file)),
                "import": ("import", str(folder), str(counts["annotation_count"])),
                "import again": ("import", str(folder), str(counts["annotation_count"])),
                "truths": ("truths",),
                "export": ("export", str(folder / "out")),
            }
            for name, arguments in steps.items():
                said[name] = in_child(*arguments, environment=environment)
                one = said[name]
                figures = f"{one['s']:7.2f} s   own CPU {one['cpu_s']:6.1f} s   peak {one['peak_mb']:6.0f} MB"
                print(f"  {name:<20} {figures}   load {os.getloadavg()[0]:.1f}", flush=True)
                one["load"] = os.getloadavg()[0]
            print(f"  (limits: import {LIMIT_S} s, {LIMIT_MB} MB)")
        if chosen.only != "import":
            count = int(MILLION * chosen.scale)
            start = time.perf_counter()
            dataset = make_million(store, count)
            print(f"{count:,} images made by SQL in {time.perf_counter() - start:.0f} s (limit {LIMIT_MS} ms each)")
            said["paging"] = paging(store, dataset, count, chosen.repeats)
        store.close()
    finally:
        postgres.stop(settings.home)
        valkey.stop(settings.home)
        shutil.rmtree(folder, ignore_errors=True)
    if not chosen.no_save:
        RESULTS.parent.mkdir(exist_ok=True)
        # With --only, the other half's figures stay, under the date of this run's.
        former = json.loads(RESULTS.read_text()) if chosen.only and RESULTS.exists() else {}
        RESULTS.write_text(json.dumps({**former, **said}, indent=1) + "\n")
    return None


if __name__ == "__main__":
    main()
