"""``python -m authoring.site`` builds the site into ``build/site``; ``--instructor`` one with the notes to teachers.

``--readme`` fills the table of lessons of README.zh.md and builds nothing.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from authoring import generated, sources
from authoring.site import building, pages
from authoring.site.content import Content


def main(arguments: Sequence[str] | None = None, root: Path = sources.ROOT) -> int:
    """Run the command line and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m authoring.site", description="Build the course's offline site.")
    parser.add_argument("--instructor", action="store_true", help="with the notes to the instructor, and the solutions")
    parser.add_argument("--out", type=Path, help="folder of the site; build/site, or build/site-instructor")
    parser.add_argument("--readme", action="store_true", help="only fill the table of lessons of README.zh.md")
    options = parser.parse_args(arguments)
    content = Content(root)
    try:
        if options.readme:
            write_readme(content)
            return 0
        name = "site-instructor" if options.instructor else "site"
        out = options.out or root / "build" / name
        start = time.perf_counter()
        count = building.build(content, out, root / "build" / "work" / name, instructor=options.instructor)
    except (ValueError, OSError, building.SiteError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{count} pages in {time.perf_counter() - start:.0f} s; open {out / 'index.html'}")
    return 0


def filled_readme(content: Content) -> str:
    """Return README.zh.md with the table of lessons of today."""
    text = (content.root / "README.zh.md").read_text(encoding="utf-8")
    return generated.fill_readme(text, pages.chinese_table(content))


def write_readme(content: Content) -> None:
    """Fill the table of lessons of README.zh.md."""
    (content.root / "README.zh.md").write_text(filled_readme(content), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
