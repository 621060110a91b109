"""Where detections of equal score stand in the ranking of a class over all images."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from evalnb.core.metrics.dialects.boxes import Boxes
from evalnb.core.metrics.dialects.chosen import Chosen
from evalnb.core.metrics.dialects.rules import Scores, Ties
from evalnb.core.records import Ints


def order(boxes: Boxes, chosen: Chosen, *, ties: Ties, scores: Scores) -> Ints:
    """(n,) places of the chosen by class and −score; equal ones as ``ties`` says, apart from hits."""
    if ties != "unstable":
        return np.lexsort((-chosen.score, chosen.class_of))
    score = chosen.score[chosen.by_image]
    if scores == "float32" and len(np.unique(chosen.image)) == boxes.images:
        # An image without detections brings an empty float64 column, and the sort then meets float64 keys. What an
        # unstable sort does to equal keys depends on their type, their number and the processor.
        score = score.astype(np.float32)
    mixed = chosen.by_image[np.argsort(-score)]
    return mixed[np.argsort(chosen.class_of[mixed], kind="stable")]


def hits_first(chosen: Chosen, ranked: Ints, hit: NDArray[np.bool_]) -> Ints:
    """That ranking with the hits of one threshold (n,) before everything else of the same class and score."""
    return ranked[np.lexsort((~hit[ranked], -chosen.score[ranked], chosen.class_of[ranked]))]
