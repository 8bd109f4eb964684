"""Pages of the site that stand elsewhere in the repository, with links that work in both places.

The README, the changelog and the measurements are read where people look for them in a repository;
the site shows the same files instead of copies. A link is written for the repository and rewritten
for the site here, so that MkDocs checks it.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[2]
ELSEWHERE = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "CHANGELOG.md": "changelog.md",
}
"""Pages at the top of the repository, and their place in the site."""
AS_THEY_ARE = ("LICENSE", "edgeq/record/run.schema.json")
"""Files that pages link to."""
LINK = re.compile(r"(?<=\]\()(?!https?:|#)([^)#\s]+)(#[^)\s]*)?(?=\))")


def places() -> dict[str, str]:
    """Return the place in the site of each file of the repository that is not below ``docs``."""
    measured = sorted(
        path.relative_to(ROOT).as_posix() for path in (ROOT / "benchmarks").rglob("*.md")
    )
    return {**ELSEWHERE, **{path: path for path in (*measured, *AS_THEY_ARE)}}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the files that stand elsewhere."""
    from mkdocs.structure.files import File

    for path, place in places().items():
        files.append(File.generated(config, place, abs_src_path=str(ROOT / path)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn links between files of the repository into links between places of the site."""
    del config, files
    return rewritten(markdown, page.file.src_uri, places())


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:
    """Name the theme's search dialog, which a screen reader would announce without one."""
    del page, config
    return output.replace('role="dialog"', 'role="dialog" aria-label="Search"', 1)


def rewritten(markdown: str, place: str, known: dict[str, str]) -> str:
    """Return a page's text with links that hold in the site.

    Args:
        markdown: The text, with links relative to its file in the repository.
        place: The page's place in the site.
        known: Places in the site, by file of the repository.
    """
    origin = {site: path for path, site in known.items()}.get(place, f"docs/{place}")

    def link(match: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(origin), match[1]))
        site = known.get(target, target.removeprefix("docs/"))
        return posixpath.relpath(site, posixpath.dirname(place) or ".") + (match[2] or "")

    return LINK.sub(link, markdown)
