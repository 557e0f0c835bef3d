"""Whom and what the operator named: found, or a sentence says that it is not there."""

import click

from forum.areas.models import Area
from forum.areas.queries import area_by_slug
from forum.members import queries as people
from forum.members.actions import add_organisation
from forum.members.models import Member, Organisation, Viewer


def member(address: str) -> Member:
    """The member with this address."""
    found = people.member_by_email(address)
    if found is None:
        raise click.ClickException(f"no member has the address {address}")
    return found


def eyes(address: str | None) -> Viewer:
    """The eyes of the member with this address; an administrator's if none was named."""
    viewer = people.viewer_by_email(address) if address else people.first_administrator()
    if viewer is None:
        raise click.ClickException(f"no member has the address {address}" if address else "there is no administrator")
    return viewer


def organisation(name: str) -> Organisation:
    """The organisation of this name; made if it does not exist."""
    return people.organisation_by_name(name) or add_organisation(name)


def area(slug: str) -> Area:
    """The area with this short name."""
    found = area_by_slug(slug)
    if found is None:
        raise click.ClickException(f"there is no area {slug!r}")
    return found
