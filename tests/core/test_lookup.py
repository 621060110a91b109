"""Looking ids up: in a list, by search, and pairs of them in a table or by their keys."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalnb.core import lookup

ids = st.one_of(st.integers(-5, 20), st.integers(-(2**62), 2**62))


@settings(deadline=None)
@given(known=st.lists(ids, unique=True, max_size=12), wanted=st.lists(ids, max_size=20))
def test_a_place_is_where_the_id_stands(known: list[int], wanted: list[int]) -> None:
    wanted = wanted + known[:3]
    found = lookup.place_of(np.array(known, dtype=np.int64), np.array(wanted, dtype=np.int64))
    assert found.tolist() == [known.index(one) if one in known else -1 for one in wanted]


places = st.lists(st.tuples(st.integers(-1, 6), st.integers(-1, 6)), max_size=20)


@pytest.mark.parametrize("cells", [1 << 28, 0])
def test_pairs_are_among_the_known_by_a_table_and_by_a_search(monkeypatch: pytest.MonkeyPatch, cells: int) -> None:
    monkeypatch.setattr(lookup, "_TABLE", cells)

    @settings(deadline=None)
    @given(pairs=places, known=places)
    def holds(pairs: list[tuple[int, int]], known: list[tuple[int, int]]) -> None:
        asked, there = (np.array(one, dtype=np.int32).reshape(-1, 2).T for one in (pairs, known))
        found = lookup.among(*asked, *there)
        assert found.tolist() == [one in known and min(one) >= 0 for one in pairs]

    holds()
