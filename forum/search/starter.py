"""The thesaurus that a new German network starts with: the words of social work in housing."""

from forum.search.synonyms import Group, typed

# Only what a colleague would take for the same: a synonym too many makes every search worse.
_EQUAL = """
Verwahrlosung = Vermüllung = Messie = Messie-Syndrom = Desorganisation = pathologisches Horten
Entrümpelung = Entmüllung
Mietschulden = Mietrückstand = Zahlungsrückstand = Zahlungsverzug
Räumung = Zwangsräumung
Kündigung = Vertragsende = Vertrag beendet = Vertragsbeendigung
Ratenzahlung = Ratenvereinbarung = Ratenplan
Schuldnerberatung = Schuldenberatung = Insolvenzberatung
Privatinsolvenz = Verbraucherinsolvenz
Gerichtsvollzieher = Vollstreckungsbeamter
Stromsperre = Energiesperre = Stromabschaltung
Wohnungslosigkeit = Obdachlosigkeit = wohnungslos = obdachlos
Wohnungslosenhilfe = Wohnungsnotfallhilfe
Wohnungserhalt = Wohnungssicherung = Wohnraumsicherung
Wohnungsnotfall = drohender Wohnungsverlust
Untermiete = Untervermietung
Hospitation = Job Shadowing
Fallberatung = kollegiale Beratung = Intervision
Senioren = ältere Menschen = alte Menschen = Hochbetagte
Einsamkeit = Vereinsamung = soziale Isolation
Pflegegrad = Pflegestufe
Betreutes Wohnen = Servicewohnen
Haushaltshilfe = hauswirtschaftliche Hilfe
Barrierefreiheit = barrierefrei = barrierearm
Wohnungsanpassung = Wohnraumanpassung = altersgerechter Umbau
Streit = Konflikt = Auseinandersetzung
Schlichtung = Mediation = Vermittlung
Lärm = Ruhestörung
Treppenhausreinigung = Flurreinigung = Treppenreinigung
Bedrohung = Drohung
Häusliche Gewalt = Gewalt in der Familie = Partnerschaftsgewalt
Suizid = Selbstmord = Selbsttötung
Sucht = Abhängigkeit
Psychische Erkrankung = psychische Krankheit = seelische Erkrankung = psychisch krank
Sozialarbeit = Soziale Arbeit = Sozialarbeiter = Sozialarbeiterin = Sozialpädagoge = Sozialpädagogin
Sozialpsychiatrischer Dienst = SpDi
Allgemeiner Sozialer Dienst = ASD = Kommunaler Sozialdienst
Jobcenter = ARGE
Bürgergeld = Grundsicherungsgeld = Hartz IV = Arbeitslosengeld II = ALG II
Kosten der Unterkunft = KdU = Unterkunftskosten
Betreuer = gesetzliche Betreuung = rechtliche Betreuung = gesetzlicher Betreuer = rechtlicher Betreuer
Schweigepflicht = Verschwiegenheit
Datenschutz = DSGVO
Schädlinge = Ungeziefer
Modernisierung = Sanierung
Umzug = Wohnungswechsel
Ersatzwohnung = Umsetzwohnung = Ausweichwohnung
Quartiersentwicklung = Stadtteilentwicklung = Quartiersmanagement = Quartiersarbeit
Nachbarschaftstreff = Stadtteiltreff = Begegnungsstätte = Nachbarschaftshaus
Ehrenamt = Freiwillige = bürgerschaftliches Engagement
Geflüchtete = Flüchtlinge
Dolmetscher = Sprachmittler
Wohngemeinschaft = WG
"""
_NARROWER = """
Sucht → Alkohol, Drogen, Spielsucht, Medikamentenabhängigkeit
Psychische Erkrankung → Depression, Psychose, Schizophrenie, Angststörung
Demenz → Alzheimer
Behörde → Jobcenter, Sozialamt, Gesundheitsamt, Jugendamt, Ordnungsamt
Sozialleistung → Bürgergeld, Wohngeld, Sozialhilfe, Grundsicherung
Schädlinge → Ratten, Mäuse, Bettwanzen, Kakerlaken, Schaben
Haustiere → Hunde, Katzen
"""


def groups(language: str) -> tuple[Group, ...]:
    """What a network of this language starts with; there is a list for German."""
    if language != "de":
        return ()
    narrower = (line.split(" → ") for line in _NARROWER.split("\n") if line)
    return (*map(typed, filter(None, _EQUAL.split("\n"))), *(typed(words, head) for head, words in narrower))
