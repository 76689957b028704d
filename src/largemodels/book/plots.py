"""A common style for all figures."""

from __future__ import annotations

import matplotlib as mpl
from cycler import cycler

# Okabe and Ito's palette, told apart by colour-blind readers; black for what is given, not measured.
COLOURS = {
    "blue": "#0072B2",
    "orange": "#D55E00",
    "green": "#009E73",
    "purple": "#CC79A7",
    "yellow": "#E69F00",
    "sky": "#56B4E9",
    "black": "#000000",
}


def use_style() -> None:
    """Set the style of the book's figures for this process."""
    mpl.rcParams.update(
        {
            "figure.figsize": (6.4, 3.6),  # inches
            "figure.dpi": 144,
            "figure.facecolor": "white",
            "figure.constrained_layout.use": True,
            "axes.prop_cycle": cycler(color=list(COLOURS.values())),
            "axes.grid": True,
            "axes.axisbelow": True,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "grid.alpha": 0.3,
            "font.size": 11,
            "lines.linewidth": 2,
            "legend.frameon": False,
        }
    )
