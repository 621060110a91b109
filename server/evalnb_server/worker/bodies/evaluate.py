"""Match a prediction run with its truths; the result is an evaluation."""

from __future__ import annotations

import math
from typing import Any

from evalnb.jobs.arguments import EvaluateArguments, from_json
from evalnb.runs.evaluate import evaluate as match
from evalnb_server.worker.work import Work


def evaluate(work: Work) -> dict[str, Any]:
    """Starts anew when it was cut off: it takes seconds."""
    asked = from_json(EvaluateArguments, work.arguments)
    evaluation = match(work.store, asked.run_id, kind=asked.kind, part=asked.part, progress=work.progress)
    # JSON has no NaN: a number that does not exist (no truths of that size) is null.
    summary = {name: value if math.isfinite(value) else None for name, value in evaluation.summary().items()}
    return {"evaluation_id": evaluation.id, "summary": summary}
