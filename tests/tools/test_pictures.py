"""Pictures of a chapter: not too large, with captions that the text can name."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from nbformat import NotebookNode, v4
from PIL import Image

from tests.tools.examples import code, figure, markdown
from tools import pictures, structure
from tools.notebooks import path_of

CAPTION = "Loss against steps for both models."


def drawn(caption: str = "", pictures: int = 1) -> NotebookNode:
    """A cell that drew."""
    mystnb: dict[str, object] = {"image": {"alt": "The loss falls from step to step."}}
    if caption:
        mystnb["figure"] = {"caption": caption}
    return code("draw()", *[figure() for _ in range(pictures)], mystnb=mystnb)


def picture(png: bytes) -> NotebookNode:
    """A cell with this picture."""
    return code("draw()", v4.new_output("display_data", {"image/png": base64.encodebytes(png).decode()}))


def noise(size: int, smooth: bool = False) -> bytes:
    """A PNG of many colours: a photograph to a packer if it is smooth, else more than one can pack."""
    values = np.random.default_rng(0).integers(0, 256, (size, size, 3)).astype(np.float64)
    if smooth:
        for axis in (0, 1):
            values = np.cumsum(values - 127.5, axis=axis)
        values = (values - values.min()) / np.ptp(values) * 240
        values += np.random.default_rng(1).integers(0, 12, values.shape)
    file = io.BytesIO()
    Image.fromarray(values.astype(np.uint8)).save(file, "PNG")
    return file.getvalue()


def faults(*cells: NotebookNode) -> list[str]:
    """What is said of a notebook of these cells, each as executed."""
    for cell in cells:
        if cell.cell_type == "code":
            cell.execution_count = 1
    return [text for _, text in pictures.faults(v4.new_notebook(cells=list(cells)))]


def test_a_chapter_with_captions_passes_and_a_fault_is_told_with_the_others(chapter: NotebookNode) -> None:
    next(c for c in chapter.cells if "mystnb" in c.metadata).metadata.mystnb["figure"] = {"caption": CAPTION}
    assert structure.problems(path_of("05_project/small"), chapter) == []
    next(c for c in chapter.cells if "## A result" in c.source).source += "\n\nFigure 2 shows it."
    assert [
        line for line in structure.problems(path_of("05_project/small"), chapter) if "names Figure 2" in line
    ]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("Figure 1 falls.", None),
        ("See Figures 1 and 2.", 2),
        ("See Figures 1–3.", 3),
        ("In Fig. 4 it falls.", 4),
        ("Figure 0 falls.", 0),
        ("Figure 7 of [Vaswani et al., 2017](https://arxiv.org/abs/1706.03762) falls.", None),
        ("The program prints `Figure 9`.", None),
    ],
)
def test_a_figure_that_the_text_names_is_there(text: str, number: int | None) -> None:
    found = faults(drawn(CAPTION), drawn(), markdown(text))
    expected = (
        [f"names Figure {number}; the chapter has 1 figures with a caption"] if number is not None else []
    )
    assert found == expected


def test_a_caption_belongs_to_one_picture_and_says_something() -> None:
    assert faults(drawn("Loss.")) == ["the caption must have 20 characters or more; the page adds “Figure 1”"]
    assert "the page adds “Figure 2”" in faults(drawn(CAPTION), drawn(f"Figure 2: {CAPTION}"))[0]
    assert "has a caption and 0 pictures" in faults(drawn(CAPTION, pictures=0))[0]
    assert "has a caption and 2 pictures" in faults(drawn(CAPTION, pictures=2))[0]


def test_a_large_picture_is_refused_wherever_it_is() -> None:
    large = noise(240)
    assert len(large) > pictures.LIMIT
    assert faults(picture(large))[0].startswith("the image/png has 17")
    html = f'<img alt="x" src="data:image/png;base64,{base64.b64encode(large).decode()}">'
    inside = code("show()", v4.new_output("display_data", {"text/html": html}))
    assert faults(inside)[0].startswith("the picture in HTML has 17")
    svg = code("show()", v4.new_output("display_data", {"image/svg+xml": "<svg>" + " " * 200_000 + "</svg>"}))
    assert faults(svg)[0].startswith("the image/svg+xml has 200 kB")
    assert faults(picture(noise(40))) == []


def test_a_photograph_is_packed_and_looks_the_same() -> None:
    photograph = noise(400, smooth=True)
    assert len(photograph) > pictures.LIMIT
    notebook = v4.new_notebook(cells=[picture(noise(40)), picture(photograph)])
    assert pictures.pack(notebook) == 1
    small, packed = (cell.outputs[0].data for cell in notebook.cells)
    assert list(small) == ["image/png"] and list(packed) == ["image/jpeg"]
    assert faults(*notebook.cells) == []
    before = np.asarray(Image.open(io.BytesIO(photograph)), dtype=float)
    after = np.asarray(Image.open(io.BytesIO(base64.b64decode(packed["image/jpeg"]))), dtype=float)
    assert np.abs(before - after).mean() < 6
    assert pictures.pack(notebook) == 0


def test_what_cannot_be_packed_is_left_for_its_author() -> None:
    notebook = v4.new_notebook(cells=[picture(noise(900))])
    assert pictures.pack(notebook) == 0
    assert "image/png" in notebook.cells[0].outputs[0].data
