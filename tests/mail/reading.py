"""Reading a mail's HTML as a suspicious mail program does."""

from html.parser import HTMLParser

LOADING = {"src", "srcset", "background", "poster", "data", "action", "formaction"}
HARMLESS = {
    *("html", "head", "meta", "title", "style", "body", "header", "main", "footer", "div", "section", "span", "p", "a"),
    *("table", "tbody", "thead", "tr", "td", "th", "ul", "ol", "li", "blockquote", "pre", "code", "br", "hr", "sup"),
    *("b", "strong", "em", "s", "h1", "h2", "h3", "h4", "h5", "h6"),
}


class Reading(HTMLParser):
    """What a page of HTML wants: tags and attributes that load something, and where its links lead."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.links: list[str] = []
        self.words = ""
        self.in_style = False
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A tag."""
        self.in_style = tag == "style"
        self.words += "" if tag in ("a", "b", "strong", "em", "s", "code", "span", "sup") else " "
        if tag not in HARMLESS:
            self.loads.append(tag)
        for name, value in attrs:
            if name in LOADING or name.startswith("on") or "url(" in (value or ""):
                self.loads.append(f"{tag} {name}={value}")
            if name == "href":
                self.links.append(value or "")

    def handle_endtag(self, _tag: str) -> None:
        """Its end."""
        self.in_style = False

    def handle_data(self, data: str) -> None:
        """Words, and the style sheet's."""
        if self.in_style and ("url(" in data or "@import" in data):
            self.loads.append(data)
        elif not self.in_style:
            self.words += data
