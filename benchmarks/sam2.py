"""SAM 2 (pico) at the speed of the hand: what the model costs, and what a person waits for in a real JupyterLab.

    CHROMIUM=… python -m benchmarks.sam2 [--seconds 60]

Model: encoding, the disk cache, and a prompt's masks at three sizes of image, in one process with one torch thread.
Hand: a pointer that moves over the demo's scenes 30 times a second, until its mask is drawn; clicks until the mask is
drawn; Enter until the shape is saved. Once with pico and once with a stand-in that takes 10 ms for a mask: that is
what the way through kernel and browser costs. Prints a table; JSON in benchmarks/results.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import sync_playwright

from benchmarks.canvas import spread
from evalnb.annotating.prompts import GLIMPSE_CELLS, packed
from evalnb.demo import dataset, prepare
from evalnb.demo.scenes import scene
from evalnb.project import Project
from evalnb.settings import Settings
from evalnb.store import open_store
from evalnb.store.embedded import postgres, valkey
from tests.annotating import Annotating
from tests.lab import CHROMIUM_FLAGS, Lab, jupyter_lab

RESULTS = Path(__file__).parent / "results" / "sam2.json"
MOVES_PER_S = 30
CLICKS = 24
GOALS = {"pico, hover": (40.0, 80.0), "stand-in, hover": (25.0, 45.0)}
"""p50 and p95, ms."""

ANNOTATE = """
import evalnb as ev
widget = ev.open().dataset("scenes").annotate(segmenter={segmenter})
widget
"""

STAND_IN = """
import time
import numpy as np
from evalnb.core.candidates import Candidates

class StandIn:
    name = "stand-in"
    sizes = {}
    def encode(self, key, image, *, told=None): self.sizes[key] = image.shape[:2]
    def encoded(self, key): return key in self.sizes
    def segment(self, key, *, points, labels, box=None):
        found = self.candidates(key, points=points, labels=labels, box=box)
        return found.mask(0), 1.0
    def candidates(self, key, *, points, labels, box=None, prior=None):
        time.sleep(0.010)
        height, width = self.sizes[key]
        y, x = np.mgrid[:64, :64] + 0.5
        (px, py), reach = points[-1] * [64 / width, 64 / height], 8
        disc = (reach**2 - (x - px) ** 2 - (y - py) ** 2).astype(np.float32)
        return Candidates(np.stack([disc, disc - 20, disc + 20]), np.array([0.9, 0.6, 0.3]), (height, width))
"""

# What the page draws is seen where it is drawn: each mask is a canvas of its own, put on the topmost layer.
WATCH = """() => {
    const seen = new WeakSet();
    const bench = (window.bench = { moves: [], asked: null, answered: null, drawn: [], stale: 0, pointer: null });
    const draw = CanvasRenderingContext2D.prototype.drawImage;
    CanvasRenderingContext2D.prototype.drawImage = function (source, ...at) {
        if (this.canvas.dataset.layer === 'active' && source instanceof HTMLCanvasElement && !seen.has(source)) {
            seen.add(source);
            const now = performance.now();
            bench.drawn.push(now);
            if (bench.answered !== null && bench.hovering) {
                bench.moves.push(now - bench.answered);
                bench.answered = null;
                const m = this.getTransform(), dpr = devicePixelRatio, p = bench.pointer;
                const [x, y, w, h] = at;
                const [px, py] = [(p.x * dpr - m.e) / m.a, (p.y * dpr - m.f) / m.d];
                if (px < x - 2 || py < y - 2 || px > x + w + 2 || py > y + h + 2) bench.stale++;
            }
        }
        return draw.call(this, source, ...at);
    };
    // The next question may leave before the answer to this one is drawn: the two are told apart by their ways.
    const textOf = (message) => (typeof message === 'string' ? message : new TextDecoder().decode(message));
    const heard = new WeakSet();
    const send = WebSocket.prototype.send;
    WebSocket.prototype.send = function (message) {
        if (!heard.has(this)) {
            heard.add(this);
            this.addEventListener('message', ({ data }) => {
                if (textOf(data).includes('"columns"')) bench.answered = bench.asked;
            });
        }
        if (textOf(message).includes('"ask":"hover"')) bench.asked = bench.pointer?.at ?? performance.now();
        return send.call(this, message);
    };
}"""

HOVER = """([seconds, rate]) => new Promise((done) => {
    const stage = document.querySelector('.evalnb-stage');
    const box = stage.getBoundingClientRect();
    const bench = window.bench;
    Object.assign(bench, { moves: [], asked: null, answered: null, stale: 0, hovering: true });
    const begin = performance.now();
    let n = 0;
    const step = () => {
        const t = (performance.now() - begin) / 1000;
        if (t > seconds) {
            bench.hovering = false;
            return done({ moved: n, shown: bench.moves, stale: bench.stale });
        }
        // A slow figure over the middle of the image, as a hand looks for something.
        const x = box.width * (0.5 + 0.28 * Math.sin(t * 0.9));
        const y = box.height * (0.5 + 0.3 * Math.sin(t * 1.3));
        bench.pointer = { x, y, at: performance.now() };
        const where = { clientX: box.left + x, clientY: box.top + y, bubbles: true, pointerId: 1 };
        stage.dispatchEvent(new PointerEvent('pointermove', where));
        n++;
        setTimeout(step, Math.max(0, begin + (n * 1000) / rate - performance.now()));
    };
    step();
})"""

CLICK = """([x, y]) => new Promise((done, fail) => {
    const stage = document.querySelector('.evalnb-stage');
    const box = stage.getBoundingClientRect();
    const where = { clientX: box.left + x, clientY: box.top + y, bubbles: true, pointerId: 1, button: 0 };
    stage.setPointerCapture = () => undefined;
    const before = window.bench.drawn.length;
    const begin = performance.now();
    stage.dispatchEvent(new PointerEvent('pointerdown', where));
    stage.dispatchEvent(new PointerEvent('pointerup', where));
    const look = () => {
        const bar = document.querySelector('.evalnb-wand');
        if (bar?.dataset.waiting === 'false' && window.bench.drawn.length > before) {
            return done(window.bench.drawn.at(-1) - begin);
        }
        if (performance.now() - begin > 60000) return fail(new Error(`no mask for a click at ${x}, ${y}`));
        requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
})"""

ENTER = """() => new Promise((done, fail) => {
    const root = document.querySelector('.evalnb-annotator');
    const badge = document.querySelector('.evalnb-save');
    const late = setTimeout(() => fail(new Error('Enter saved no shape')), 60000);
    const begin = performance.now();
    let saving = false;
    const watch = new MutationObserver(() => {
        if (badge.dataset.state !== 'saved') saving = true;
        else if (saving) {
            watch.disconnect();
            clearTimeout(late);
            done(performance.now() - begin);
        }
    });
    watch.observe(badge, { attributes: true });
    root.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', bubbles: true }));
})"""


def timed(call: Callable[[], Any], repeats: int) -> dict[str, float]:
    """Milliseconds of a call, after one to warm up."""
    call()
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        call()
        times.append((time.perf_counter() - begin) * 1e3)
    return spread(times)


def model() -> tuple[dict[str, dict[str, float]], dict[str, Any]]:
    """What the model and its cache cost without anybody who waits; and how large previews are."""
    import torch

    from evalnb.models import _sam2
    from evalnb.models._features import Memory

    torch.set_num_threads(1)
    out: dict[str, dict[str, float]] = {}
    scenes = [scene(dataset.SEED, n) for n in range(12)]
    with tempfile.TemporaryDirectory() as folder:
        kept = _sam2.open_pico(device="cpu", home=Path(folder))
        bare = _sam2.open_pico(device="cpu")
        numbers = iter(range(10**6))
        pixels = np.asarray(scenes[0].pixels)
        out["encode, nothing cached"] = timed(lambda: bare.encode(f"{next(numbers)}", pixels), 20)
        out["encode and keep on disk"] = timed(lambda: kept.encode(f"{next(numbers)}", pixels), 20)
        kept.encode("warm", pixels)

        def from_disk() -> None:
            kept._memory = Memory()
            assert kept.encoded("warm")

        out["from disk, checked"] = timed(from_disk, 50)
        out["from memory"] = timed(lambda: kept.encoded("warm"), 50)
        inside = np.ones(1, dtype=np.int64)
        for name, by in (("0.2 MP", 1), ("3 MP", 4), ("12 MP", 8)):
            large = np.repeat(np.repeat(pixels, by, axis=0), by, axis=1)
            bare.encode(name, large)
            point = np.array([[299.0 * by, 334.0 * by]])
            out[f"three candidates' logits, {name}"] = timed(
                lambda key=name, at=point: bare.candidates(key, points=at, labels=inside), 40
            )
            found = bare.candidates(name, points=point, labels=inside)
            out[f"one mask in pixels, {name}"] = timed(lambda found=found: packed(found.cut(0)[1]), 20)
            out[f"one preview, {name}"] = timed(lambda found=found: packed(found.glimpse(0, GLIMPSE_CELLS)[1]), 40)
    sizes = []
    for one in scenes:
        picture = np.asarray(one.pixels)
        bare.encode(f"{id(one)}", picture)
        for x in range(32, picture.shape[1], 64):
            for y in range(32, picture.shape[0], 64):
                found = bare.candidates(f"{id(one)}", points=np.array([[x, y]], dtype=float), labels=inside)
                sizes.append(len(packed(found.glimpse(0, GLIMPSE_CELLS)[1])))
    return out, {
        "previews": len(sizes),
        "p50 bytes": int(statistics.median(sizes)),
        "p95 bytes": int(np.percentile(sizes, 95)),
        "max bytes": max(sizes),
    }


def hand(lab: Lab, page: Any, segmenter: str, seconds: float, before: str = "") -> dict[str, Any]:
    """What a person waits for with that segmenter."""
    out: dict[str, Any] = {}
    lab.write("wand.ipynb", before, ANNOTATE.format(segmenter=segmenter))
    lab.open(page, "wand.ipynb")
    page.evaluate(WATCH)
    lab.run_all(page)
    one = Annotating(page).wait()
    one.press("t")
    one.tool("sam")
    # The model loads and the image is encoded; the pointer that rests on it says when.
    while not page.evaluate("window.bench.drawn.length"):
        page.evaluate(HOVER, [0.5, MOVES_PER_S])
    page.evaluate(HOVER, [3, MOVES_PER_S])
    found = page.evaluate(HOVER, [seconds, MOVES_PER_S])
    out["hover"] = spread(found["shown"])
    out["hover, of"] = {"moves": found["moved"], "masks drawn": len(found["shown"]), "stale": found["stale"]}

    def click(n: int) -> float:
        return float(page.evaluate(CLICK, list(one.at(180 + 11 * (n % 16), 120 + 9 * (n % 13)))))

    clicks, saves = [], []
    for n in range(CLICKS):
        clicks.append(click(n))
        if n % 2:
            saves.append(float(page.evaluate(ENTER)))
            one.saved()
        else:
            one.press("Escape")
    out["click to mask"] = spread(clicks)
    out["Enter to saved"] = spread(saves)
    firsts = []
    for n in range(6):
        # Its neighbours are encoded while one looks at an image.
        time.sleep(3)
        one.press("f")
        one.wait()
        time.sleep(0.5)
        firsts.append(click(n))
        one.press("Escape")
    out["first click on a neighbour"] = spread(firsts)
    return out


def main() -> None:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60, help="how long the pointer moves")
    chosen = parser.parse_args()
    loads = [round(os.getloadavg()[0], 2)]
    costs, sizes = model()
    waits: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None, prefix="evb") as place:
        folder = Path(place)
        own = {"HOME": place, "EVALNB_HOME": f"{place}/h", "EVALNB_OFFLINE": "1"}
        settings = Settings.from_environment(own)
        (folder / "h").mkdir(mode=0o700)
        try:
            postgres.ensure(settings.home)
            valkey.ensure(settings.home)
            store = open_store(settings)
            prepare.datasets(Project(store), folder / "demo", images=16)
            store.close()
            with (
                jupyter_lab(folder / "lab") as server,
                server.room(settings.to_environment()) as lab,
                sync_playwright() as playwright,
            ):
                browser = playwright.chromium.launch(executable_path=os.environ.get("CHROMIUM"), args=CHROMIUM_FLAGS)
                for name, cell, before in (("pico", '"pico"', ""), ("stand-in", "StandIn()", STAND_IN)):
                    page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
                    for what, values in hand(lab, page, cell, chosen.seconds, before).items():
                        waits[f"{name}, {what}"] = values
                    page.context.close()
                browser.close()
        finally:
            valkey.stop(settings.home)
            postgres.stop(settings.home)
    loads.append(round(os.getloadavg()[0], 2))
    for name, values in {**costs, **waits, "preview sizes": sizes}.items():
        print(f"{name:38}", "  ".join(f"{key} {value:g}" for key, value in values.items()))
    about = {
        "date": dt.date.today().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, no GPU; Chromium without a GPU on the same cores",
        "load before and after": loads,
        "model": "pico (demo), 3.7 M parameters, 256 px, torch on one thread for 'model ms'",
        "model ms": costs,
        "preview sizes": sizes,
        "waits ms": waits,
        "goals ms, p50 and p95": GOALS,
    }
    RESULTS.write_text(json.dumps(about, indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
