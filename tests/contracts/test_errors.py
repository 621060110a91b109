"""Refusals as a person meets them."""

import pickle

from IPython.core.interactiveshell import InteractiveShell

from evalnb.errors import EvalnbError, Invalid


def test_a_notebook_shows_what_to_do_and_no_traceback(capsys: object) -> None:
    shell = InteractiveShell()
    result = shell.run_cell(
        "from evalnb.errors import Invalid\nraise Invalid('the box is inverted', remedy='swap its corners')"
    )
    assert isinstance(result.error_in_exec, Invalid)
    printed = capsys.readouterr().out  # type: ignore[attr-defined]
    assert "the box is inverted" in printed
    assert "swap its corners" in printed
    assert "Traceback" not in printed


def test_a_refusal_survives_the_way_between_processes() -> None:
    back = pickle.loads(pickle.dumps(Invalid("the score is NaN", remedy="write a number")))
    assert isinstance(back, Invalid)
    assert (back.happened, back.remedy, back.status) == ("the score is NaN", "write a number", 422)
    assert isinstance(back, EvalnbError)
