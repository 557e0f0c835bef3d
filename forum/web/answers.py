"""What every answer carries: headers that keep the browser on our side, compression, no caching of what is personal."""

import gzip

from flask import Flask, Response, request

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_ALWAYS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "X-Robots-Tag": "noindex, nofollow, noarchive",
}
_PACK_FROM = 1000


def dress(app: Flask, https: bool) -> None:
    """Have all answers carry their headers."""
    always = {**_ALWAYS, "Cache-Control": "no-store"}
    if https:
        always["Strict-Transport-Security"] = "max-age=31536000"

    @app.after_request
    def headers(answer: Response) -> Response:
        has = {name for name, _ in answer.headers}
        for name in always.keys() - has:
            answer.headers.add(name, always[name])
        return _packed(answer)


def _packed(answer: Response) -> Response:
    """Compress pages. Cookies are SameSite, so no foreign page can have one made with its own guess inside (BREACH)."""
    if answer.mimetype != "text/html" or "gzip" not in request.headers.get("Accept-Encoding", ""):
        return answer
    content = answer.get_data()
    if len(content) >= _PACK_FROM:
        answer.set_data(gzip.compress(content, 5))
        answer.headers["Content-Encoding"] = "gzip"
        answer.headers["Vary"] = "Accept-Encoding, Cookie"
    return answer
