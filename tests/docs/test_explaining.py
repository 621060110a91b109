"""What the page on errors shows is what running it prints."""

import doctest
import importlib.util
import re
from pathlib import Path

import pandas as pd

import evalnb as ev

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "explaining-errors.md"


def test_the_page_on_errors_prints_what_it_shows() -> None:
    spec = importlib.util.spec_from_file_location("explain_benchmark", ROOT / "benchmarks" / "explain.py")
    assert spec is not None and spec.loader is not None
    benchmark = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(benchmark)
    truths, detections = benchmark.problem(200)
    names = {one: f"class {one}" for one in range(1, benchmark.CLASSES + 1)}
    # A fence ends what is printed, as an empty line does.
    text = re.sub(r"^```.*$", "", PAGE.read_text(), flags=re.MULTILINE)
    known = {"ev": ev, "truths": truths, "detections": detections, "names": names}
    page = doctest.DocTestParser().get_doctest(text, known, PAGE.name, str(PAGE), 0)
    assert len(page.examples) > 10
    said: list[str] = []
    with pd.option_context("display.width", 120, "display.max_columns", 20, "display.precision", 3):
        runner = doctest.DocTestRunner(verbose=False)
        runner.run(page, out=said.append)
    assert not said, "".join(said)
