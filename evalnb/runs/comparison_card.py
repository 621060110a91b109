"""How intervals, comparisons and rankings show themselves in a cell; they follow JupyterLab's theme."""

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING, Any

from evalnb.runs.card import STYLE, number
from evalnb.runs.comparison import SURE
from evalnb.runs.intervals import counted

if TYPE_CHECKING:
    import pandas as pd

    from evalnb.runs.comparison import Comparison
    from evalnb.runs.intervals import Interval
    from evalnb.runs.ranking import Ranking

MOST_ROWS, MOST_SLICES = 12, 12
WIDTH, HEIGHT = 132, 16

MORE_STYLE = """<style>
.evalnb-sum .said{margin:0 0 10px;max-width:42rem;font-size:14px}
.evalnb-sum .care{margin:0 0 10px;padding:4px 10px;border-left:3px solid var(--jp-warn-color1,#c77700);
color:var(--jp-ui-font-color1,inherit)}
.evalnb-sum .forest{overflow-x:auto}
.evalnb-sum .forest table{width:100%;min-width:36rem;table-layout:fixed;font-size:13px;color:inherit}
.evalnb-sum .forest td:first-child,.evalnb-sum .forest th:first-child{width:8rem}
.evalnb-sum .forest th.whisker{width:136px}
.evalnb-sum .forest th{color:var(--jp-ui-font-color2,#767676);font-size:11px}
.evalnb-sum .forest td,.evalnb-sum .forest th{white-space:nowrap;vertical-align:middle}
.evalnb-sum .forest td:first-child{max-width:12rem;overflow:hidden;text-overflow:ellipsis}
.evalnb-sum .forest td.whisker,.evalnb-sum .forest th.whisker{text-align:center;padding-right:0}
.evalnb-sum .forest svg{display:inline-block;vertical-align:middle;flex:none;color:var(--jp-ui-font-color2,#767676)}
.evalnb-sum .forest .up svg{color:var(--jp-success-color1,#2e8540)}
.evalnb-sum .forest .down svg{color:var(--jp-error-color1,#c62828)}
.evalnb-sum .forest .change{font-weight:600}.evalnb-sum svg.scale{color:var(--jp-ui-font-color1,inherit)}
.evalnb-sum .forest .faint{color:var(--jp-ui-font-color2,#767676)}
.evalnb-sum .forest + .forest,.evalnb-sum details .forest{margin-top:10px}
.evalnb-sum .foot{margin:10px 0 0;color:var(--jp-ui-font-color2,#767676);font-size:11px}
</style>"""


def comparison(one: Comparison) -> str:
    """The sentence, then a row for each number, class and slice: both values, their difference and its interval."""
    numbers, classes = one.numbers, one.classes
    tags = one.slice_tags()
    slices = one.slices if 0 < len(tags) <= MOST_SLICES else None
    body = _forest("number", numbers, _widest(numbers))
    order = classes["difference"].abs().sort_values(ascending=False, kind="stable").index
    body += _folded("class (AP)", classes.loc[order], "classes")
    if slices is not None:
        body += _folded("slice (AP)", slices.drop(columns="images"), "slices")
    care = "" if one.warning is None else f'<p class="care">{escape(one.warning)}</p>'
    ties = len(one.images) - one.wins - one.losses
    level = f"{100 * one.level:g} %"
    foot = (
        f"By F1, this is better on {counted(one.wins, 'image')}, worse on {one.losses:,}, equal on {ties:,}. "
        f"Intervals: {level}, {counted(one.replicates, 'paired replicate')}; coloured where p is below {SURE:g}, "
        "adjusted for how many classes or slices are looked at; AP, which decides, stands alone."
    )
    return (
        f'{STYLE}{MORE_STYLE}<div class="evalnb-sum"><header><b>Comparison · {escape(one.this.kind)}</b>'
        f"<span>{counted(one.this.image_count(), 'image')}</span></header>"
        f'<p class="said">{escape(one.sentence)}</p>{care}{body}<p class="foot">{foot}</p></div>'
    )


def interval_card(one: Interval) -> str:
    """One number, its interval, and a warning where there is one."""
    level = f"{100 * one.level:g} % interval"
    over = counted(one.images, "image") if one.groups is None else counted(one.groups, "group")
    shown = f"{number(one.low)} – {number(one.high)}" if not math.isnan(one.low) else "none: the sample is too small"
    care = "" if one.warning is None else f'<p class="care">{escape(one.warning)}</p>'
    scale = "" if math.isnan(one.low) else _on_unit(one.value, one.low, one.high)
    return (
        f'{STYLE}{MORE_STYLE}<div class="evalnb-sum"><header><b>{escape(one.number)} {number(one.value)}</b>'
        f"<span>{level} {shown} · {over} · {counted(one.replicates, 'replicate')}</span></header>{care}{scale}</div>"
    )


def _folded(what: str, frame: pd.DataFrame, plural: str) -> str:
    widest = _widest(frame)
    shown = _forest(what, frame.head(MOST_ROWS), widest)
    if len(frame) <= MOST_ROWS:
        return shown
    rest = _forest(what, frame.iloc[MOST_ROWS:], widest)
    return f"{shown}<details><summary>{len(frame) - MOST_ROWS:,} more {plural}</summary>{rest}</details>"


def _forest(what: str, frame: pd.DataFrame, widest: float) -> str:
    rows = "".join(_row(one, widest) for one in frame.itertuples(index=False))
    head = "".join(f"<th>{one}</th>" for one in (what, "this", "other", "difference"))
    ends = (
        f'<th class="whisker">− {widest:.3f} … + {widest:.3f}</th>'
        '<th title="adjusted for the rows of this table">p</th><th>detectable</th>'
    )
    return f'<div class="forest"><table><tr>{head}{ends}</tr>{rows}</table></div>'


def _row(row: Any, widest: float) -> str:
    name, mine, theirs, change, low, high, _, adjusted, detectable, warning = row
    nothing = math.isnan(change)
    sure = not math.isnan(adjusted) and adjusted < SURE and not math.isnan(low)
    sign = "up" if change > 0 else "down"
    note = "" if warning is None else f' title="{escape(str(warning), quote=True)}"'
    star = "" if warning is None or nothing else ' <span class="faint">!</span>'
    p = "" if math.isnan(low) else _p(adjusted)
    least = "" if math.isnan(detectable) else f"{detectable:.3f}"
    cells = (
        ("", f"{escape(str(name))}{star}"),
        ("", number(mine)),
        ("", number(theirs)),
        (f"change {sign}" if sure else "", "–" if nothing else f"{change:+.3f}"),
        (f"whisker {sign}" if sure else "whisker", _whisker(change, low, high, widest)),
        ("", p),
        ("faint", least),
    )
    shown = "".join(f'<td class="{kind}">{text}</td>' if kind else f"<td>{text}</td>" for kind, text in cells)
    return f"<tr{note}>{shown}</tr>"


def _p(p: float) -> str:
    return "" if math.isnan(p) else ("&lt; .001" if p < 1e-3 else f"{p:.3f}")


def _widest(frame: pd.DataFrame) -> float:
    """Half the scale that a table's rows share: enough for most; the ends of the others are cut at its border."""
    ends = zip(frame["low"], frame["high"], strict=True)
    found = sorted(max(abs(low), abs(high)) for low, high in ends if not math.isnan(low))
    return max(0.01, found[min(len(found) - 1, int(0.9 * len(found)))]) if found else 0.01


def _whisker(change: float, low: float, high: float, widest: float) -> str:
    """An interval about a zero line, on the scale of its card."""
    if math.isnan(change):
        return ""

    def x(value: float) -> float:
        return WIDTH / 2 + max(-1.0, min(1.0, value / widest)) * (WIDTH / 2 - 5)

    middle = HEIGHT / 2
    bar = ""
    if not math.isnan(low):
        bar = (
            f'<path d="M{x(low):.1f} {middle}H{x(high):.1f}" stroke="currentColor" stroke-width="3" '
            'stroke-linecap="round" opacity=".45"/>'
        )
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" aria-hidden="true">'
        f'<path d="M{WIDTH / 2} 0V{HEIGHT}" stroke="currentColor" opacity=".35"/>{bar}'
        f'<circle cx="{x(change):.1f}" cy="{middle}" r="3.6" fill="currentColor"/></svg>'
    )


def _on_unit(value: float, low: float, high: float) -> str:
    """The interval on the whole way from 0 to 1."""

    def x(at: float) -> float:
        return 10 + 380 * at

    ticks = "".join(
        f'<path d="M{x(at / 4):.0f} 18v4" stroke="currentColor" opacity=".5"/><text x="{x(at / 4):.0f}" y="32" '
        f'text-anchor="middle" font-size="9" fill="currentColor" opacity=".75">{at / 4:g}</text>'
        for at in range(5)
    )
    return (
        '<svg class="scale" viewBox="0 0 400 36" width="400" height="36" role="img" '
        'aria-label="the interval between 0 and 1">'
        f'<path d="M10 18H390" stroke="currentColor" opacity=".3"/>{ticks}'
        f'<path d="M{x(low):.1f} 10H{x(high):.1f}" stroke="currentColor" stroke-width="5" stroke-linecap="round" '
        f'opacity=".4"/><circle cx="{x(value):.1f}" cy="10" r="4.5" fill="currentColor"/></svg>'
    )


def ranking(one: Ranking) -> str:
    """The sentence, and a row for each run: its value and interval, and the ranks it may deserve."""
    low, high = float(one.table["low"].min()), float(one.table["high"].max())
    rows = "".join(_run(row, low, high) for row in one.table.itertuples(index=False))
    head = (
        f"<th>run</th><th>rank</th><th>may be</th><th>{escape(one.number)}</th>"
        f'<th class="whisker">{low:.3f} … {high:.3f}</th><th>to best</th><th>p</th>'
    )
    care = "" if one.warning is None else f'<p class="care">{escape(one.warning)}</p>'
    return (
        f'{STYLE}{MORE_STYLE}<div class="evalnb-sum"><header><b>Ranking · {escape(one.number)}</b>'
        f'<span>{counted(len(one.table), "run")}</span></header><p class="said">{escape(one.sentence)}</p>{care}'
        f'<div class="forest"><table><tr>{head}</tr>{rows}</table></div>'
        f'<p class="foot">p and the ranks hold for all pairs together, at {100 * one.level:g} %; each whisker is the '
        f"run's own interval, {counted(one.replicates, 'paired replicate')}.</p></div>"
    )


def _run(row: Any, least: float, most: float) -> str:
    behind = "" if row.rank == 1 else f"{-row.behind_best:+.3f}"
    return (
        f'<tr><td>{escape(str(row.run))}</td><td>{row.rank}</td><td class="faint">{_ranks(row)}</td>'
        f"<td>{number(row.value)}</td>"
        f'<td class="whisker">{_stretch(row.value, row.low, row.high, least, most)}</td>'
        f"<td>{behind}</td><td>{_p(row.p_adjusted)}</td></tr>"
    )


def _ranks(row: Any) -> str:
    return f"{row.best_rank}" if row.best_rank == row.worst_rank else f"{row.best_rank} – {row.worst_rank}"


def _stretch(value: float, low: float, high: float, least: float, most: float) -> str:
    """A value and its interval on the scale that all runs share."""

    def x(at: float) -> float:
        return 5 + (WIDTH - 10) * (at - least) / max(most - least, 1e-9)

    middle = HEIGHT / 2
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" aria-hidden="true">'
        f'<path d="M{x(low):.1f} {middle}H{x(high):.1f}" stroke="currentColor" stroke-width="3" '
        'stroke-linecap="round" opacity=".45"/>'
        f'<circle cx="{x(value):.1f}" cy="{middle}" r="3.6" fill="currentColor"/></svg>'
    )
