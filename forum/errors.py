"""What can go wrong in a way that a person should hear about, with the sentence they hear.

Rules and actions raise these with a stable code; each door turns them into words once: a page,
JSON, an answer mail, an exit code. Anything else that is raised is a bug and is reported as one.
"""

from collections.abc import Callable


def N_(sentence: str) -> str:
    """Mark a sentence for translation where it is written; it is translated where it is shown."""
    return sentence


class Problem(Exception):
    """Something a person can understand and act on."""

    status = 400

    def __init__(self, code: str, **values: object) -> None:
        super().__init__(code)
        self.code = code
        self.values = values


class Refused(Problem):
    """The actor may see the thing but may not do this to it."""

    status = 403


class Missing(Problem):
    """It does not exist, or the actor may not know that it does: both answer alike."""

    status = 404

    def __init__(self, code: str = "missing", **values: object) -> None:
        super().__init__(code, **values)


class Invalid(Problem):
    """What was sent cannot be used; `field` names the form field it belongs to, `further` is wrong besides."""

    status = 422

    def __init__(self, code: str, field: str = "", **values: object) -> None:
        super().__init__(code, **values)
        self.field = field
        self.further: list[Invalid] = []


class Conflict(Problem):
    """Somebody else changed the thing in the meantime."""

    status = 409


class Unready(Problem):
    """There is no network here yet; only the operator can change that."""

    status = 503


SENTENCES = {
    "missing": N_("This page does not exist, or it is not meant for you."),
    "not_allowed": N_("You may not do this here."),
    "suspended": N_("Your access is suspended. Please ask the administrators."),
    "sign_in_failed": N_("Address and password do not match. Please try again."),
    "too_many_guesses": N_("Too many attempts. Please wait a quarter of an hour and try again."),
    "link_used_up": N_("This link has expired or was already used. You can have a new one mailed to you."),
    "address_paused": N_("Mails to this address are paused. Please use the address again first, then try the mail."),
    "already_here": N_("This member has a password already. Who lost it can ask for a new one at the sign-in."),
    "too_many_links": N_("This member was sent several links of late. Please wait an hour before you send another."),
    "password_short": N_("Please choose a password of at least %(least)s characters."),
    "password_long": N_("This password is too long: at most %(most)s characters."),
    "passwords_differ": N_("The two passwords differ."),
    "password_wrong": N_("The current password is not right."),
    "email_invalid": N_("This is not a mail address: %(value)s"),
    "email_taken": N_("This mail address is taken already: %(value)s"),
    "name_empty": N_("Please give a name."),
    "name_invalid": N_("A name cannot contain a web address or control characters: %(value)s"),
    "words_long": N_("Please put it more briefly: at most %(most)s characters."),
    "expertise_many": N_("Please name at most %(most)s things that you know about."),
    "telephone_invalid": N_("A telephone number has digits, spaces and signs like + and /."),
    "role_unknown": N_("This role does not exist: %(value)s"),
    "theme_unknown": N_("This appearance does not exist: %(value)s"),
    "language_unknown": N_("This language does not exist: %(value)s"),
    "member_unknown": N_("There is no member with this address: %(value)s"),
    "last_administrator": N_("A network needs an administrator, and this is the last one."),
    "slug_invalid": N_("A short name has only small letters, digits and hyphens: %(value)s"),
    "slug_taken": N_("There is already an area with this short name: %(value)s"),
    "title_empty": N_("Please give a title, ideally a question."),
    "title_long": N_("The title is too long: at most %(most)s characters."),
    "tags_many": N_("These are too many tags: at most %(most)s."),
    "tag_long": N_("This tag is too long, at most %(most)s characters: %(value)s"),
    "body_empty": N_("Please write something first."),
    "body_long": N_("The text is too long: at most %(most)s characters. It was kept below."),
    "kind_unknown": N_("Please choose what kind of thread this is."),
    "access_unknown": N_("There is no such access to an area: %(value)s"),
    "subject_empty": N_("Please give a subject."),
    "takes_no_messages": N_("No messages can be written to this person."),
    "too_many_messages": N_("You have written many messages today. Please go on tomorrow."),
    "outcome_unknown": N_("Please choose how it turned out."),
    "act_unknown": N_("Please choose what you want to do."),
    "kind_not_here": N_("Threads of this kind cannot be started here."),
    "not_without_name": N_("Only questions can be asked without a name, and only in areas that allow it."),
    "nobody_looks": N_(
        "Nobody who could look at your question first is there at present. You can ask it with your name."
    ),
    "opening_waits": N_("Somebody has asked for this name already; another administrator has to agree."),
    "opening_needs_another": N_("Another administrator has to agree, not the one who asked."),
    "opening_expired": N_("The request has expired. Please ask for the name anew."),
    "question_changed": N_("The question was changed in the meantime. Please read it again, then publish it."),
    "not_waiting": N_("This question does not wait any more."),
    "thread_locked": N_("This thread is closed; no more replies can be written."),
    "area_announcements_only": N_("In this area the facilitators start the threads."),
    "post_deleted": N_("This post was deleted."),
    "undo_too_late": N_("It is too late to take this back. Please ask a facilitator."),
    "resume_too_late": N_("This link takes nothing back any more. Signed in you can change which mails come."),
    "edited_meanwhile": N_("This post was changed in the meantime. Both texts are below."),
    "reason_empty": N_("Please give a reason."),
    "reason_long": N_("The reason is too long: at most %(most)s characters."),
    "area_missing": N_("Please choose an area."),
    "merge_itself": N_("A thread cannot be merged into itself."),
    "passage_empty": N_("Please give the passage that is to go."),
    "passage_long": N_("Please put it more briefly: at most %(most)s characters."),
    "passage_absent": N_("This passage does not stand in the post. Please copy it from the text below."),
    "instead_empty": N_("Please say what stands in its place."),
    "protected_stays": N_("A question without a name cannot be merged or split: that might show who asked."),
    "thread_unknown": N_("There is no such thread. Please paste its link."),
    "split_none": N_("Please choose the posts that are to be a thread of their own."),
    "split_all": N_("Please leave at least one post where it is. To put all of the thread elsewhere, move it."),
    "flag_reason": N_("Please choose what the facilitators should look at."),
    "flag_words": N_("Please say in a few words what the facilitators should look at."),
    "flag_answered": N_("%(name)s has already decided on this flag."),
    "share_nobody": N_("Please name at least one colleague."),
    "member_not_here": N_("There is no member of this name: %(value)s"),
    "share_ambiguous": N_("Several members are called so. Please write the whole name: %(value)s"),
    "share_unseen": N_("This thread is not there for everybody you named: %(value)s"),
    "share_many": N_("You can point at most %(most)s colleagues to posts within a day."),
    "for_empty": N_("Please say what the answer is recommended for."),
    "for_long": N_("Please put it more briefly: at most %(most)s characters."),
    "own_post": N_("You cannot mark your own post."),
    "not_the_asker": N_("Only the person who asked can say what helped."),
    "not_an_answer": N_("Only answers can be marked."),
    "already_recommended": N_("You have already recommended this answer."),
    "not_recommended": N_("This answer is not recommended."),
    "file_empty": N_("This file is empty."),
    "file_large": N_("This file is too large: at most %(most)s MB."),
    "file_kind": N_(
        "Only pictures, PDF, plain text and documents of Word, Excel, PowerPoint and LibreOffice are taken."
    ),
    "file_misnamed": N_("This file is not what its name says. Please save it anew under the right name."),
    "file_damaged": N_("This file is damaged and cannot be opened."),
    "file_swells": N_("This file unpacks to far more than a file should. It was not opened."),
    "file_macros": N_("This file holds macros. Please save it without them."),
    "file_fetches": N_(
        "This file fetches something from elsewhere when it is opened, like a template. Please save it as PDF."
    ),
    "files_refused": N_("Not taken: %(sentences)s"),
    "files_many": N_("A post has at most %(most)s files. Please remove some."),
    "files_day": N_("These are more files than one may bring in a day. Please try again tomorrow."),
    "upload_gone": N_("A file that was added earlier is not here any more. Please add it again."),
    "no_room": N_("There is no room for files at present. Please send your text without them, or try again later."),
    "picture_missing": N_("Please choose a picture first."),
    "picture_unknown": N_("This is no picture that can be shown here. Please use JPEG, PNG, WebP or GIF."),
    "picture_damaged": N_("This picture is damaged and cannot be read."),
    "picture_large": N_("This picture is too large: at most %(most)s million pixels."),
    "too_large": N_("What you sent is too large."),
    "broken_text": N_("Some characters could not be read. Please check your text."),
    "method": N_("This address cannot be used this way."),
    "word_long": N_("This word is too long, at most %(most)s characters: %(value)s"),
    "word_signs": N_("There is no letter or digit in this: %(value)s"),
    "words_too_few": N_("Please give at least two words that mean the same."),
    "words_too_many": N_("A group has at most %(most)s words."),
    "narrower_empty": N_("Please give at least one narrower word."),
    "word_elsewhere": N_("Some of these words stand elsewhere already: %(value)s"),
    "group_changed": N_("This group was changed in the meantime. Both versions are below."),
    "group_gone": N_("This group was deleted in the meantime. Your words are below; saving adds them anew."),
    "thesaurus_full": N_("The thesaurus is full: at most %(most)s groups."),
    "search_empty": N_("A search without words cannot be saved."),
    "searches_full": N_("You have saved %(most)s searches already. Please delete one of them first."),
    "template_unfilled": N_("The template is not filled in yet."),
    "template_long": N_("The text is too long: at most %(most)s characters."),
    "template_changed": N_("This text was changed in the meantime. Both versions are below."),
    "drafts_full": N_("You have %(most)s drafts already. Please send or discard some of them first."),
    "level_unknown": N_("Please choose what you want to hear of by mail."),
    "rhythm_unknown": N_("Please choose how often the digest comes."),
    "weekday_unknown": N_("Please choose a day of the week."),
    "hour_unknown": N_("Please choose an hour from 0 to 23."),
    "zone_unknown": N_("This time zone does not exist: %(value)s"),
    "already_set_up": N_("There is a network here already."),
    "not_set_up": N_("There is no network here yet. Please run: forum init"),
}


def together(*checks: Callable[[], str]) -> list[str]:
    """What the checks return; where several fields cannot be used, all of them are told at once."""
    checked, problems = [], []
    for check in checks:
        try:
            checked.append(check())
        except Invalid as problem:
            problems.append(problem)
    if problems:
        problems[0].further = problems[1:]
        raise problems[0]
    return checked


def require(allowed: bool, code: str = "not_allowed") -> None:
    """Refuse with `code` unless the rule holds."""
    if not allowed:
        raise Refused(code)
