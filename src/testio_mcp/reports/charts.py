"""Pictures of figures, drawn here and now: no browser, no network, no global state of a plotter."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from html import escape
from threading import Lock
from typing import TYPE_CHECKING, Any

from testio_mcp.domain.metrics import Chart, ChartChoice
from testio_mcp.domain.text import one_line
from testio_mcp.reports.lettering import Lettering

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's colours, which most people can tell apart; yellow, hard to see on white, is last.
COLOURS = (
    *("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#000000", "#F0E442"),
)
MARKERS = "os^Dv<P*"
INK, GRID, UNKNOWN = "#333333", "#DDDDDD", "#EEEEEE"
SHADES = ("#F3F7FB", "#56B4E9", "#004B7A")
DOTS_PER_INCH = 100
WIDTH, HEIGHT, TALLEST = 9.0, 5.0, 9.0  # inches
# Longer names stand beside bars that lie, and beyond this they are cut.
SHORT, LONG = 9, 34  # characters
MOST_UPRIGHT = 12
# Dots on a line of more points would hide it.
MANY = 40
MOST_TICKS = 13
# As many letters fit below the axes.
LETTERS, LETTERS_BESIDE_LEGEND = 105, 85
# More numbers than these would not be read.
MOST_WRITTEN, MOST_CELLS_WRITTEN = 40, 240

# What matplotlib keeps for a whole process is set for one picture at a time.
_drawing = Lock()
# Any: matplotlib types the name of each of its settings.
_STYLE: dict[Any, Any] = {
    "text.parse_math": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "testio-mcp",
    "axes.edgecolor": GRID,
    "text.color": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "font.size": 10,
}


def chart_png(chart: Chart) -> bytes:
    """The chart as a picture of about 900 by 500 pixels."""
    return _drawn(chart, "png", metadata={"Software": None})[0]


def chart_svg(chart: Chart) -> str:
    """The same for a page: one element, whose text is text."""
    drawn, lettering = _drawn(chart, "svg", metadata={"Date": None})
    # Who drew it when says nothing about figures; readers need not have the font.
    svg = re.sub("<metadata>.*?</metadata>", "", drawn.decode(), flags=re.DOTALL)
    svg = re.sub('font-family: ([^;"]+)', r"font-family: \1, sans-serif", svg)
    # A page has more letters than the font that the picture was measured with.
    for shown, meant in lettering.replaced.items():
        svg = svg.replace(f">{escape(shown, quote=False)}<", f">{escape(meant, quote=False)}<")
    return svg[svg.index("<svg") :]


def _drawn(chart: Chart, kind: str, metadata: dict[str, Any]) -> tuple[bytes, Lettering]:
    # Half a second and more, which an answer without a picture need not wait for.
    import matplotlib as mpl  # noqa: PLC0415  see above
    from matplotlib.figure import Figure  # noqa: PLC0415  see above

    with _drawing:
        lettering = Lettering()
        with mpl.rc_context({**_STYLE, "font.family": lettering.families}):
            figure = Figure(
                figsize=(WIDTH, _height(chart)), dpi=DOTS_PER_INCH, layout="constrained"
            )
            axes = figure.add_subplot()
            _DRAW[chart.kind](axes, chart, lettering)
            _entitle(figure, chart, lettering)
            picture = io.BytesIO()
            figure.savefig(picture, format=kind, metadata=metadata)
    return picture.getvalue(), lettering


def _height(chart: Chart) -> float:
    if chart.kind is ChartChoice.BAR and not _is_upright(chart):
        bars = len(chart.categories) * len(chart.series)
        return min(max(HEIGHT, 1.5 + bars * 0.26), TALLEST)
    if chart.kind is ChartChoice.HEATMAP:
        return min(max(HEIGHT, 1.8 + len(chart.series) * 0.35), TALLEST)
    return HEIGHT


def _entitle(figure: Figure, chart: Chart, lettering: Lettering) -> None:
    title = lettering.drawable(one_line(chart.title, 75))
    subtitle = lettering.drawable(one_line(chart.subtitle, 120))
    figure.suptitle(title, x=0.01, ha="left", fontsize=13, fontweight="bold")
    figure.axes[0].set_title(subtitle, loc="left", fontsize=9, color="#666666")


def _line(axes: Axes, chart: Chart, lettering: Lettering) -> None:
    for number, (name, values) in enumerate(chart.series.items()):
        axes.plot(
            range(len(values)),
            _numbers(values),
            color=COLOURS[number],
            marker=MARKERS[number],
            markersize=5 if len(values) <= MANY else 2,
            linewidth=2,
            label=_legend_name(name, lettering),
        )
    _measure(axes.yaxis, chart)
    axes.set_ylim(bottom=min(0.0, *_known(chart)))
    _name_ticks(axes, chart, lettering)
    _explain(axes, chart)


def _bars(axes: Axes, chart: Chart, lettering: Lettering) -> None:
    """Several series lie beside each other."""
    upright = _is_upright(chart)
    thickness = 0.8 / len(chart.series)
    for number, (name, values) in enumerate(chart.series.items()):
        shift = (number - (len(chart.series) - 1) / 2) * thickness
        places = [place + shift for place in range(len(values))]
        style: dict[str, Any] = {"color": COLOURS[number], "label": _legend_name(name, lettering)}
        lengths = [value or 0.0 for value in values]
        if upright:
            drawn = axes.bar(places, lengths, thickness * 0.95, **style)
        else:
            drawn = axes.barh(places, lengths, thickness * 0.95, **style)
        if len(values) * len(chart.series) <= MOST_WRITTEN:
            axes.bar_label(
                drawn, [_written(value, chart) for value in values], padding=2, fontsize=8
            )
    if upright:
        _measure(axes.yaxis, chart)
        _name_ticks(axes, chart, lettering)
    else:
        _measure(axes.xaxis, chart)
        labels = [lettering.drawable(one_line(name, LONG)) for name in chart.categories]
        axes.set_yticks(range(len(labels)), labels)
        axes.invert_yaxis()
    axes.margins(x=0.02 if upright else 0.1, y=0.1 if upright else 0.02)
    _explain(axes, chart)


def _stack(axes: Axes, chart: Chart, lettering: Lettering) -> None:
    below = [0.0] * len(chart.categories)
    for number, (name, values) in enumerate(chart.series.items()):
        heights = [value or 0.0 for value in values]
        axes.bar(
            range(len(heights)),
            heights,
            0.8,
            bottom=below,
            color=COLOURS[number],
            edgecolor="white",
            linewidth=0.5,
            label=_legend_name(name, lettering),
        )
        below = [low + height for low, height in zip(below, heights, strict=True)]
    _measure(axes.yaxis, chart)
    _name_ticks(axes, chart, lettering)
    _explain(axes, chart)


def _heatmap(axes: Axes, chart: Chart, lettering: Lettering) -> None:
    from matplotlib.colors import LinearSegmentedColormap  # noqa: PLC0415  see above

    pale = LinearSegmentedColormap.from_list("pale", SHADES).with_extremes(bad=UNKNOWN)
    known = _known(chart)
    low, high = min(0.0, *known), max(*known, 0.0) or 1.0
    rows = [_numbers(values) for values in chart.series.values()]
    edges = [[place - 0.5 for place in range(n + 1)] for n in (len(rows[0]), len(rows))]
    axes.pcolormesh(*edges, rows, cmap=pale, vmin=low, vmax=high, edgecolor="white")
    axes.invert_yaxis()
    if len(rows) * len(chart.categories) <= MOST_CELLS_WRITTEN:
        for y, values in enumerate(chart.series.values()):
            for x, value in enumerate(values):
                dark = value is not None and value > low + (high - low) * 0.55
                axes.text(
                    *(x, y, _written(value, chart)),
                    ha="center",
                    va="center",
                    fontsize=8,
                    color="white" if dark else INK,
                )
    axes.set_yticks(
        range(len(rows)), [lettering.drawable(one_line(name, LONG)) for name in chart.series]
    )
    _name_ticks(axes, chart, lettering)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


_DRAW = {
    ChartChoice.LINE: _line,
    ChartChoice.BAR: _bars,
    ChartChoice.STACKED: _stack,
    ChartChoice.HEATMAP: _heatmap,
}


def _is_upright(chart: Chart) -> bool:
    longest = max(map(len, chart.categories), default=0)
    return longest <= SHORT and len(chart.categories) <= MOST_UPRIGHT


def _numbers(values: Sequence[float | None]) -> list[float]:
    return [float("nan") if value is None else float(value) for value in values]


def _known(chart: Chart) -> list[float]:
    found = [value for values in chart.series.values() for value in values if value is not None]
    return [*found, 0.0]


def _written(value: float | None, chart: Chart) -> str:
    if value is None:
        return "n/a"
    if chart.is_rate:
        return f"{value * 100:.0f} %"
    return f"{value:,}" if isinstance(value, int) else f"{value:,.1f}"


def _measure(axis: Any, chart: Chart) -> None:
    """Numbers beside the axis, and faint lines across."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator  # noqa: PLC0415  see above

    whole = all(isinstance(value, int) or not value for value in _known(chart))
    axis.set_major_locator(MaxNLocator(nbins=6, integer=whole and not chart.is_rate))

    def told(value: float, _: int) -> str:
        return f"{value * 100:.3g} %" if chart.is_rate else f"{value:,.10g}"

    axis.set_major_formatter(FuncFormatter(told))
    axis.grid(True, color=GRID, linewidth=0.8)
    axes = axis.axes
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _name_ticks(axes: Axes, chart: Chart, lettering: Lettering) -> None:
    """The categories below; of very many only some, and slanted where they are long."""
    step = -(-len(chart.categories) // MOST_TICKS)
    places = range(0, len(chart.categories), step)
    names = [lettering.drawable(one_line(chart.categories[place], LONG)) for place in places]
    letters = LETTERS_BESIDE_LEGEND if _has_legend(chart) else LETTERS
    if chart.kind is ChartChoice.HEATMAP:
        letters -= min(LONG, max(map(len, chart.series)))
    slanted = max(map(len, names), default=0) >= letters // max(1, len(names))
    axes.set_xticks(
        places,
        names,
        rotation=30 if slanted else 0,
        ha="right" if slanted else "center",
        rotation_mode="anchor" if slanted else "default",
    )


def _legend_name(name: str, lettering: Lettering) -> str:
    shown = lettering.drawable(one_line(name, LONG))
    # matplotlib leaves out what begins with an underscore.
    return f" {shown}" if shown.startswith("_") else shown


def _has_legend(chart: Chart) -> bool:
    return len(chart.series) > 1 and chart.kind is not ChartChoice.HEATMAP


def _explain(axes: Axes, chart: Chart) -> None:
    """Which colour is what; a single series is named by the title."""
    if _has_legend(chart):
        axes.legend(
            loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False, fontsize=9, borderaxespad=0
        )
