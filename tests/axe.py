"""axe-core in a page: what of it shuts people out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

# What is on its way from one colour to another has neither.
AT_REST = """async () => {
    for (let n = 0; n < 2; n++) await new Promise(requestAnimationFrame);
    const ending = document.getAnimations().filter((one) => one.effect.getComputedTiming().endTime < Infinity);
    await Promise.allSettled(ending.map((one) => one.finished));
}"""
AXE = Path(__file__).parents[1] / "node_modules" / "axe-core" / "axe.min.js"


def accessible(page: Any, within: str | None = None) -> None:
    """axe-core finds nothing serious in the page, or in what a selector names."""
    page.evaluate(AT_REST)
    page.evaluate(AXE.read_text())
    found = page.evaluate("within => axe.run(within ?? document, {resultTypes: ['violations']})", within)
    serious = [
        f"{one['id']}: {node['target']} {node['failureSummary']}"
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]
    assert not serious, "\n".join(serious)
