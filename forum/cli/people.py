"""Commands for members, and for the areas they are named for."""

import sys
from datetime import timedelta

import click
from flask import current_app

from forum import config
from forum.areas.actions import allow_protected, create_area, name_member, remove_member
from forum.areas.models import ACCESSES
from forum.cli import named
from forum.cli.doors import forum, in_app, settings
from forum.db import transaction
from forum.members import actions as members
from forum.members.models import ROLES, Member, SignInLink
from forum.members.queries import link_key, member_by_email


@forum.group()
def member() -> None:
    """Members."""


@member.command("add")
@click.argument("address")
@click.option("--name", required=True)
@click.option("--role", type=click.Choice(ROLES), default="member", show_default=True)
@click.option("--organisation", help="Name of the organisation; made if it does not exist.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@in_app
def member_add(address: str, name: str, role: str, organisation: str | None, password_stdin: bool) -> None:
    """Add a member; without password ends with a sign-in link."""
    password = sys.stdin.readline().rstrip("\r\n") if password_stdin else None
    terms = settings(current_app)
    with transaction():
        house = named.organisation(organisation) if organisation else None
        added = members.add_member(name, address, role, house, password)
        said_last = f"{added.name} <{added.email}>" if password else link_for(added, terms)
    click.echo(said_last)


@member.command("invite")
@click.argument("address")
@click.option("--name", help="Needed for somebody who is not a member yet.")
@click.option("--role", type=click.Choice(ROLES), default="member", show_default=True)
@click.option("--organisation", help="Name of the organisation; made if it does not exist.")
@click.option("--as", "inviter", help="Invite in the name of this administrator; by default the network invites.")
@click.option("--print-link", is_flag=True, help="Print the link as well.")
@in_app
def member_invite(
    address: str, name: str | None, role: str, organisation: str | None, inviter: str | None, print_link: bool
) -> None:
    """Mail somebody an invitation; again for a member who never signed in, with a new link."""
    terms = settings(current_app)
    with transaction():
        invited = member_by_email(address)
        if invited is None:
            if not name:
                raise click.UsageError(f"{address} is not a member yet; please give a --name")
            house = named.organisation(organisation) if organisation else None
            invited = members.add_member(name, address, role, house)
        host, lasts = named.eyes(inviter) if inviter else None, timedelta(days=terms.link_days)
        link = members.invite(host, invited, lasts, config.secret_key(terms))
        name, address = invited.name, _address_of(link, terms)
    click.echo(f"the invitation of {name} waits to be sent")
    if print_link:
        click.echo(address)


@member.command("link")
@click.argument("address")
@in_app
def member_link(address: str) -> None:
    """Make a new sign-in link for a member who lost the password."""
    terms = settings(current_app)
    with transaction():
        link = link_for(named.member(address), terms)
    click.echo(link)


@member.command("role")
@click.argument("address")
@click.argument("role", type=click.Choice(ROLES))
@in_app
def member_role(address: str, role: str) -> None:
    """Make somebody member, facilitator or administrator."""
    with transaction():
        members.change_role(None, named.member(address), role)


@member.command("suspend")
@click.argument("address")
@click.option("--undo", is_flag=True, help="Let the member in again.")
@in_app
def member_suspend(address: str, undo: bool) -> None:
    """Shut a member out, on every device at once."""
    with transaction():
        (members.reinstate if undo else members.suspend)(None, named.member(address))


def link_for(member: Member, terms: config.Settings) -> str:
    """A new link for a member, to be handed over by the operator."""
    lasts = timedelta(days=terms.link_days)
    return _address_of(members.make_link(member, "welcome", lasts, config.secret_key(terms)), terms)


def _address_of(link: SignInLink, terms: config.Settings) -> str:
    return f"{terms.address}/welcome/{link_key(link, config.secret_key(terms))}"


@forum.group()
def area() -> None:
    """Areas."""


@area.command("add")
@click.argument("slug")
@click.option("--title", required=True)
@click.option("--description", default="", help="One sentence about what belongs here.")
@click.option("--access", type=click.Choice(ACCESSES), default="open", show_default=True)
@in_app
def area_add(slug: str, title: str, description: str, access: str) -> None:
    """Add an area: open to all, closed but for named members, or for announcements."""
    with transaction():
        create_area(None, slug, title, description, access)


@area.command("name")
@click.argument("slug")
@click.argument("address")
@click.option("--facilitates", is_flag=True, help="The member facilitates this very area.")
@click.option("--undo", is_flag=True, help="No longer name the member.")
@in_app
def area_name(slug: str, address: str, facilitates: bool, undo: bool) -> None:
    """Name a member for an area: lets into a closed one, and may facilitate any."""
    with transaction():
        if undo:
            remove_member(None, named.area(slug), named.member(address).id)
        else:
            name_member(None, named.area(slug), named.member(address).id, facilitates)


@area.command("allow-protected")
@click.argument("slug")
@click.option("--undo", is_flag=True, help="No longer allow it; what was asked stays protected.")
@in_app
def area_allow_protected(slug: str, undo: bool) -> None:
    """Let members ask in an area without a name, after a facilitator has looked at the question."""
    with transaction():
        allow_protected(None, named.area(slug), not undo)
