"""The areas a new network starts with: those of the trade."""

from dataclasses import dataclass

from forum.errors import N_


@dataclass(frozen=True)
class TradeArea:
    """An area to start with; title and description are in the catalogue."""

    slug: str
    title: str
    description: str


AREAS = (
    TradeArea("mietschulden", N_("Rent arrears and keeping the home"),
              N_("Talking early, instalments, authorities, averting eviction.")),
    TradeArea("verwahrlosung", N_("Neglect and hoarding"),
              N_("First contact, clearing out, whom to bring in, staying in touch.")),
    TradeArea("nachbarschaft", N_("Conflicts between neighbours"),
              N_("Noise, stairwells, mediation and its limits.")),
    TradeArea("senioren", N_("Offers for seniors"),
              N_("Staying in one's own home, against loneliness, advice on care.")),
    TradeArea("modernisierung", N_("Modernisation and moving"),
              N_("Support through building works, moves and hardship.")),
    TradeArea("quartier", N_("Neighbourhood development"),
              N_("Meeting places, partners, money, taking part.")),
    TradeArea("organisation", N_("Organising social work"),
              N_("Tasks, documentation, confidentiality, standing in the company.")),
    TradeArea("kollegiales", N_("Colleagues and dates"),
              N_("Meetings, training, visits and whatever else is on our minds.")),
)  # fmt: skip
