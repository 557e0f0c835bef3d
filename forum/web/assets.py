"""Static files: read once, named by their content, so that browsers keep them for ever.

Scripts and style sheets are written in parts and sent as one file each, so that a cold page asks for little; the
parts import one another as browsers understand it, so nothing has to be built.
"""

import gzip
import hashlib
import mimetypes
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from flask import Response, abort, current_app, request

from forum.web.door import route

_REFERENCE = re.compile(r"url\((?P<quote>[\"']?)(?P<path>\.\./[^)\"']+)(?P=quote)\)")
_PART = re.compile(r"^@import \"(?P<name>[\w-]+\.css)\";\n", re.M)
_MODULE = re.compile(r"^import (?P<named>\{[^}]*\} from )?'\./(?P<name>[\w-]+\.js)';\n", re.M)
_TEXT = (".css", ".js", ".svg", ".txt")
_TYPES = {".woff2": "font/woff2", ".js": "text/javascript", ".css": "text/css"}


@dataclass(frozen=True)
class Asset:
    """One static file, ready to be sent."""

    address: str
    content: bytes
    packed: bytes | None
    media_type: str


class Assets:
    """All static files by name and by hashed address. Style sheets name the hashed addresses of what they load."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.by_name: dict[str, Asset] = {}
        names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
        for name in sorted(names, key=lambda name: name.endswith(".css")):
            self.by_name[name] = self._read(name)
        self.by_address = {asset.address: asset for asset in self.by_name.values()}

    def address(self, name: str) -> str:
        """Where this file is served; a name that does not exist is a bug of the template."""
        return self.by_name[name].address

    def _read(self, name: str) -> Asset:
        content, ending = (self._folder / name).read_bytes(), Path(name).suffix
        if ending == ".css":
            content = self._with_addresses(name, _with_parts(self._folder / name)).encode()
        elif ending == ".js" and not name.startswith("vendor/"):
            content = "".join(_modules(self._folder / name, False, set())).encode()
        digest = hashlib.sha256(content).hexdigest()[:10]
        address = f"/static/{name.removesuffix(ending)}.{digest}{ending}"
        packed = gzip.compress(content, 9, mtime=0) if ending in _TEXT else None
        media_type = _TYPES.get(ending) or mimetypes.guess_type(name)[0] or "application/octet-stream"
        return Asset(address, content, packed, media_type)

    def _with_addresses(self, name: str, css: str) -> str:
        def hashed(match: re.Match[str]) -> str:
            target = (self._folder / name).parent / match["path"]
            return f"url({self.address(target.resolve().relative_to(self._folder.resolve()).as_posix())})"

        return _REFERENCE.sub(hashed, css)


def _with_parts(sheet: Path) -> str:
    """A style sheet with those that it imports in their places."""
    return _PART.sub(lambda part: _with_parts(sheet.parent / part["name"]), sheet.read_text("utf-8"))


def _modules(script: Path, named: bool, known: set[str]) -> Iterator[str]:
    """A script after those that it imports, each once: in a block of its own, or open where names are taken from it."""
    source = script.read_text("utf-8")
    for module in _MODULE.finditer(source):
        if module["name"] not in known:
            known.add(module["name"])
            yield from _modules(script.parent / module["name"], bool(module["named"]), known)
    own = _MODULE.sub("", source)
    yield re.sub("^export ", "", own, flags=re.M) if named else f"{{\n{own}}}\n"


@route("/static/<path:name>", allow="anyone")
def file(name: str) -> Response:
    """Serve a static file for a year: another content has another address."""
    assets: Assets = current_app.extensions["forum.assets"]
    asset = assets.by_address.get(f"/static/{name}")
    if asset is None:
        abort(404)
    packed = asset.packed if "gzip" in request.headers.get("Accept-Encoding", "") else None
    answer = Response(packed or asset.content, mimetype=asset.media_type)
    answer.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    if asset.packed:
        answer.headers["Vary"] = "Accept-Encoding"
    if packed:
        answer.headers["Content-Encoding"] = "gzip"
    return answer
