"""Who may do what with members."""

from forum.members.models import Member, Viewer


def can_administer(actor: Viewer) -> bool:
    """Roles, suspension and organisations are the administrators'."""
    return actor.is_administrator


def can_sign_in(member: Member) -> bool:
    """An imported person has no access, a suspended one none at present."""
    return member.state == "active"
