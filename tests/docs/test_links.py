"""Every link of every page leads somewhere, decisions are numbered, and no page names one machine or one mirror."""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest

PROJECT = Path(__file__).parents[2]
SECTIONS = ("What", "Why", "Rejected", "To reverse")


def ours(pattern: str) -> list[Path]:
    """Return the project's own files of this name, without what was installed or built."""
    found = (path for folder in folders() for path in folder.glob(pattern) if path.is_file())
    return sorted(set(found))


def folders(folder: Path = PROJECT) -> Iterator[Path]:
    yield folder
    for below in sorted(folder.iterdir()):
        if below.is_dir() and below.name != "__pycache__" and (below.name == ".ci" or not below.name.startswith(".")):
            yield from folders(below)


def name_of(path: Path) -> str:
    return path.relative_to(PROJECT).as_posix()


PAGES = ours("*.md")
DECISIONS = sorted((PROJECT / "docs" / "adr").glob("[0-9]*.md"))


def without_code(text: str) -> str:
    return re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.DOTALL)


def anchors(page: Path) -> set[str]:
    """Return the anchors that a page's headings have where it is shown."""
    headings = re.findall(
        r"^#+ (.+)$", re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL), re.MULTILINE
    )
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links(page: Path) -> list[str]:
    targets = re.findall(r"\[[^\]]*\]\(([^)\s]+)\)", without_code(page.read_text("utf-8")))
    return [target for target in targets if not re.match(r"[a-z]+:", target)]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_inside_the_project_leads_somewhere(page: Path) -> None:
    for link in links(page):
        path, _, anchor = unquote(link).partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{name_of(page)} links to {link}"
        assert not anchor or anchor in anchors(target), f"{name_of(page)} links to {link}"


def test_there_are_links_to_look_at() -> None:
    assert sum(len(links(page)) for page in PAGES) > 20


def test_every_page_can_be_reached_from_the_readme() -> None:
    seen: set[Path] = set()
    waiting = [PROJECT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in seen or page.suffix != ".md":
            continue
        seen.add(page)
        waiting += [(page.parent / link.partition("#")[0]).resolve() for link in links(page)]
    assert [name_of(page) for page in PAGES if page not in seen] == []


def test_decisions_are_numbered_without_a_gap_and_listed() -> None:
    assert [path.name[:5] for path in DECISIONS] == [f"{number:04}-" for number in range(1, len(DECISIONS) + 1)]
    listed = re.findall(r"\]\((\d{4}-[\w-]+\.md)\)", (PROJECT / "docs" / "adr" / "README.md").read_text("utf-8"))
    assert listed == [path.name for path in DECISIONS]


@pytest.mark.parametrize("page", DECISIONS, ids=name_of)
def test_a_decision_says_what_why_what_was_rejected_and_how_to_reverse_it(page: Path) -> None:
    text = page.read_text("utf-8")
    assert text.startswith(f"# {int(page.name[:4])}. ")
    for section in SECTIONS if "where-the-spec" not in page.name else ("What", "Why", "To reverse"):
        assert re.search(rf"^\*\*{section}\.\*\*", text, re.MULTILINE), f"{page.name} has no {section}"


def test_no_file_names_a_machine_or_a_mirror() -> None:
    # Put together here, so that this file does not hold them either.
    hosts = [".".join(parts) for parts in (("pypi", "org"), ("pythonhosted", "org"), ("registry", "npmjs", "org"))]
    paths = ["/" + "/".join(parts) for parts in (("root",), ("work", "main"), ("work", "shared"), ("home",), ("tmp",))]
    forbidden = re.compile("|".join([*map(re.escape, hosts), *(rf"(?<![\w.-]){path}/" for path in paths)]))
    found = [
        f"{name_of(path)}: {match[0]}"
        for path in ours("*")
        if (match := forbidden.search(path.read_text("utf-8", errors="ignore")))
    ]
    assert found == []
