"""What is like a thread: a page of its own, and a part that the thread's page fetches when there is time."""

from flask import Response, make_response, request

from forum.search.similar import similar
from forum.text import plain
from forum.threads.queries import posts_of_page, readable_thread
from forum.web.door import route
from forum.web.pages import found, page, reader
from forum.web.session import viewer
from forum.web.templating import rendered


@route("/threads/<int:thread_id>/similar", allow="member")
def show(thread_id: int) -> Response:
    """Threads that may be about the same; with "part" only the list, for the thread's own page."""
    thread = found(readable_thread(viewer(), thread_id))
    opening = next((post for post in posts_of_page(viewer(), thread, 1)[:1] if post.deleted_at is None), None)
    text, number = (plain(opening.html), opening.id) if opening else ("", None)
    threads = similar(viewer(), thread.title, text, but_thread=thread.id, opening=number)
    if "part" in request.args:
        reader()
        return make_response(rendered("threads/_similar.html", threads=threads))
    return page("threads/similar.html", here="threads", thread=thread, threads=threads)
