"""For administrators: how mails leave, what does not get through, and what each kind looks like."""

from flask import Response, request

from forum.db import db
from forum.i18n import gettext as _
from forum.i18n import languages
from forum.mail import delivery, queue
from forum.mail.samples import Sample, samples
from forum.mail.smtp import told
from forum.members.actions import address_works
from forum.members.queries import member
from forum.web.door import route
from forum.web.letters import as_document
from forum.web.pages import found, go, number, page, sent
from forum.web.session import settings, viewer


@route("/admin", allow="administrator")
def index() -> Response:
    """Lead to the first page."""
    return go("/admin/mail")


@route("/admin/mail", allow="administrator")
def mail() -> Response:
    """How mails leave, and how they are doing."""
    return _mail()


@route("/admin/mail/test", allow="administrator", methods=("POST",), own_transaction=True)
def test_mail() -> Response:
    """Send oneself a mail at once, and show what the mail server said."""
    own = member(viewer().id).email or ""
    db.session.rollback()  # a mail server may take its time, and no transaction waits for it
    return _mail(delivery.send_test(settings(), own))


@route("/admin/mail/retry", allow="administrator", methods=("POST",))
def retry() -> Response:
    """Give a mail that was given up another chance."""
    queue.retry(viewer(), number(sent("mail")))
    return go("/admin/mail")


@route("/admin/mail/use-again", allow="administrator", methods=("POST",))
def use_again() -> Response:
    """Send mails again to an address that was paused."""
    address_works(viewer(), number(sent("member")))
    return go("/admin/mail")


@route("/admin/mail/kinds", allow="administrator")
def kinds() -> Response:
    """Each kind of mail, with invented contents."""
    code = _language()
    return page("admin/kinds.html", here="administration", samples=samples(code), languages=languages(), code=code)


@route("/admin/mail/kinds/<name>", allow="administrator")
def kind(name: str) -> Response:
    """One kind of mail as text."""
    return page("admin/kind.html", here="administration", sample=_sample(name), code=_language())


@route("/admin/mail/kinds/<name>/html", allow="administrator")
def kind_html(name: str) -> Response:
    """The same as a mail program would show it."""
    return as_document(found(_sample(name).seen.html or None))


def _language() -> str:
    asked = request.args.get("language", "")
    return asked if asked in languages() else viewer().language


def _sample(name: str) -> Sample:
    return found(next((sample for sample in samples(_language()) if sample.name == name), None))


def _mail(answer: delivery.Answer | None = None) -> Response:
    terms, who = settings(), viewer()
    return page(
        "admin/mail.html", here="administration", own=member(who.id).email or "", sender=terms.mail_address,
        server=terms.mail_server and f"{terms.mail_server}:{terms.mail_port}", folder=f"{terms.instance.name}/outbox/",
        report=delivery.report(), retried=queue.tried_again(who), dead=queue.given_up(who), paused=queue.paused(who),
        told=told, answer=answer, sentence=_sentence(answer) if answer else "",
    )  # fmt: skip


def _sentence(answer: delivery.Answer) -> str:
    """What a test came to, in plain words; the server's own stand below it."""
    if answer.ok and settings().mail_server:
        return _("The mail server took the mail. It should be in your mailbox in a moment.")
    if answer.ok:
        return _("The mail is in a file now, since no mail server is set.")
    if not answer.said[:3].isdigit():
        return answer.said.partition("\n")[0]
    if answer.said.startswith("4"):
        return _("The mail server does not take the mail at present. Please try again later.")
    return _("The mail server refused the mail.")
