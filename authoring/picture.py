"""Write figures of a built lesson into one PNG, so that the README shows what the lesson really draws.

``python -m authoring.picture 00 2 3 docs/lesson-00.png`` stacks the third and fourth figure of lesson 00.
"""

import base64
import io
import re
import sys
from pathlib import Path

import nbformat
from PIL import Image

from authoring import sources

BACKGROUND = "#fcfcfa"
_PNG = re.compile(r"data:image/png;base64,([^\"]+)")


def figures(notebook: Path) -> list[Image.Image]:
    """Return the figures of an executed notebook in order."""
    cells = nbformat.read(notebook, as_version=4).cells
    outputs = [output for cell in cells if cell.cell_type == "code" for output in cell.outputs]
    html = "".join(str(output.get("data", {}).get("text/html", "")) for output in outputs)
    return [Image.open(io.BytesIO(base64.b64decode(code))).convert("RGB") for code in _PNG.findall(html)]


def stack(images: list[Image.Image]) -> Image.Image:
    """Put pictures below one another, left aligned."""
    sheet = Image.new("RGB", (max(image.width for image in images), sum(image.height for image in images)), BACKGROUND)
    top = 0
    for image in images:
        sheet.paste(image, (0, top))
        top += image.height
    return sheet


def main(number: str, *rest: str) -> None:
    """Stack the named figures of a lesson into the file named last."""
    *positions, out = rest
    lesson = next(path for path in sorted((sources.ROOT / "notebooks").glob(f"{number}_*.ipynb")))
    drawn = figures(lesson)
    Path(out).parent.mkdir(parents=True, exist_ok=True)
    stack([drawn[int(position)] for position in positions]).quantize(128).save(out, optimize=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
