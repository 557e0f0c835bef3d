"""Who may do what with members."""

from sqlalchemy import ColumnElement

from forum.members.models import Member, Viewer


def listed() -> ColumnElement[bool]:
    """The condition on Member under which somebody stands in the directory and in all that is made of it.

    Who has no access is no colleague to turn to, and no alias is one either.
    """
    return Member.state == "active"


def can_write_to(actor: Viewer, member: Member, answers: bool = False) -> bool:
    """Colleagues write to each other, unless the other wants no messages; an answer always reaches who wrote."""
    takes_messages = member.profile is None or member.profile.takes_messages
    return member.state == "active" and member.id != actor.id and (answers or takes_messages)


def can_administer(actor: Viewer) -> bool:
    """Roles, suspension and organisations are the administrators'."""
    return actor.is_administrator


def can_sign_in(member: Member) -> bool:
    """An imported person has no access, a suspended one none at present."""
    return member.state == "active"
