"""A page as a test reads it: text, ids, links, what it would load, and whether the elements nest."""

from __future__ import annotations

from html.parser import HTMLParser

VOID = {"meta", "br", "input"}
LOADS = {"src", "srcset", "data", "poster", "action", "background"}


class Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.loads: list[str] = []
        self.tags: list[str] = []
        self.alts: list[str | None] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert not self._open, f"left open: {self._open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = dict(attrs)
        self.tags.append(tag)
        self.ids += [known["id"]] if known.get("id") else []
        if tag == "a":
            self.links.append(known.get("href") or "")
        elif known.get("href"):
            self.loads.append(known["href"] or "")
        self.loads += [known[name] or "" for name in LOADS & set(known)]
        if tag == "svg" and known.get("class") == "picture":
            self.alts.append(known.get("aria-label"))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag, f"</{tag}> closes nothing"

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())
