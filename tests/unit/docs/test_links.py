"""What the documents link to is there, and the README stays short."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).parents[3]
SKIPPED = {".venv", "build", "runs", ".cache", ".pytest_cache", "node_modules"}


def pages() -> Iterator[Path]:
    for folder, folders, files in os.walk(ROOT):
        # Not entered: they hold tens of thousands of files.
        folders[:] = sorted(set(folders) - SKIPPED)
        yield from (Path(folder, name) for name in sorted(files) if name.endswith(".md"))


PAGES = sorted(pages())
LINK = re.compile(r"\]\(([^)\s]+)\)")


def prose(page: Path) -> str:
    """The page's text without blocks of code."""
    return re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)


def anchors(page: Path) -> set[str]:
    """The fragments that a forge gives the page's headings."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {text.strip().replace(" ", "-") for text in plain}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_between_documents_resolves(page):
    broken = []
    for link in LINK.findall(prose(page)):
        path, _, fragment = unquote(link).partition("#")
        if re.match(r"[a-z]+:", link):
            continue
        target = (page.parent / path).resolve() if path else page
        is_heading = fragment and target.suffix == ".md"
        if not target.exists() or (is_heading and fragment not in anchors(target)):
            broken.append(link)
    assert not broken


def test_the_readme_has_at_most_900_words():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").split()) <= 900
