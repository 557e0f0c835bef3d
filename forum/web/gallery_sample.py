"""Sample rows for /design: every component in every state. German words belong here, not in the template."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace as Row
from typing import Any

from markupsafe import Markup

from forum.search.extracts import Reason


def sample(now: datetime | None = None) -> Row:
    now = now or datetime.now(UTC)

    def ago(**span: int) -> datetime:
        return now - timedelta(**span)

    asked, answered, fresh = ago(days=19, hours=2), ago(days=19), ago(hours=1)

    def post(number: int, **changes: Any) -> Row:
        row = {
            "id": 1200 + number,
            "number": number,
            "author_id": 1,
            "author_name": "Frieda Meyer",
            "initials": "FM",
            "organisation_name": "Baugenossenschaft Weserufer",
            "city": "Bremen",
            "created_at": asked,
            "edited_at": None,
            "html": "",
            "deleted": False,
            "recommended": [],
            "pending": [],
            "helpful": False,
            "thanks": 0,
            "thanked": False,
            "bookmarked": number == 2,
            "nameless": False,
            "moved_to_id": None,
            "moved_to_title": None,
            "attachments": [],
            "editable": number in (1, 2),
            "markable": number > 1,
            "takes_back": False,
            "restorable": False,
            "deleted_by_me": False,
        }
        return Row(**{**row, **changes})

    posts = [
        post(
            1,
            thanks=4,
            html=(
                "<p>Seit etwa acht Wochen öffnet ein älterer Mieter niemandem mehr. Die Nachbarn im "
                "zweiten Stock beschweren sich über Geruch im "
                "Treppenhaus; zwei Briefe blieben ohne Antwort. Ich möchte vermeiden, dass das Erste, "
                "was er von uns hört, eine Abmahnung ist.</p>"
                "<p>Was hat bei euch den Türspalt geöffnet? Und <strong>ab wann zieht ihr den "
                "Sozialpsychiatrischen Dienst hinzu?</strong></p>"
            ),
        ),
        post(
            2,
            author_id=2,
            author_name="Jonas Brandt",
            initials="JB",
            organisation_name="Leinewohnen",
            city="Hannover",
            created_at=answered,
            edited_at=answered,
            thanks=11,
            thanked=True,
            helpful=True,
            recommended=[
                Row(
                    for_what="erster Kontakt ohne Druck",
                    reason="Hat bei uns zweimal die Tür geöffnet, ohne dass ein Amt beteiligt war.",
                    by_name="Frieda Meyer",
                )
            ],
            attachments=[
                Row(id=7, name="Briefvorlage-erster-Kontakt.odt", size=24_300, width=None),
                Row(id=8, name="Türkarte.pdf", size=181_000, width=None),
            ],
            html=(
                "<blockquote><p>dass das Erste, was er von uns hört, eine Abmahnung "
                "ist</p></blockquote><p>Genau so. Wir sind nach ein paar Fehlversuchen "
                "bei dieser Reihenfolge geblieben:</p><ul><li>Brief ohne Briefkopf der "
                "Rechtsabteilung, zwei Terminvorschläge, mein Foto darauf.</li>"
                "<li>Beim zweiten Mal Karte an der Tür, handschriftlich, kein Vorwurf.</li><li>Beim "
                "dritten Mal mit der Hausmeisterin, die er kennt. Da ging die Tür auf.</li></ul>"
                "<p>Den Dienst rufen wir an, sobald es Hinweise auf Selbstgefährdung gibt, und sagen "
                "das dem Mieter vorher schriftlich. "
                "Die Adressen stehen beim <a "
                'href="https://www.example.org/beratungsstellen/niedersachsen">Verzeichnis der '
                "Beratungsstellen</a>.</p>"
            ),
        ),
        post(3, author_id=3, author_name="Ehemaliges Mitglied", deleted=True, restorable=True),
        post(
            4,
            author_id=4,
            author_name="Marie-Luise von Hagen-Oldenburg",
            initials="MH",
            organisation_name="Gemeinnützige Wohnungsbaugesellschaft Braunschweig-Wolfenbüttel",
            city="Wolfenbüttel",
            created_at=ago(days=2),
            thanks=1,
            pending=[Row(for_what="Wohnungsbegehung mit Nachbarschaftskonflikt", by_name="Jonas Brandt")],
            html=(
                "<h3>So gehen wir vor</h3><ol><li>Gespräch mit der Nachbarin, die den Schlüssel "
                "hat</li><li>Mietschuldenberatungsstellenverzeichnis prüfen</li></ol>"
                ""
                "<table><thead><tr><th>Schritt</th><th>Wer</th><th>Frist</th></tr></thead><tbody><tr><td>Brief</td><td>Sozialarbeit</td><td>sofort</td></tr>"
                "<tr><td>Hausbesuch</td><td>zu zweit</td><td>nach 14 "
                "Tagen</td></tr></tbody></table><p>Das Kürzel im Programm ist "
                "<code>SPD-Meldung</code>.</p><pre><code>Kopfzeile: Einladung zum "
                "Gespräch</code></pre>"
            ),
        ),
        post(
            5,
            author_id=5,
            author_name="Aylin Kaya",
            initials="AK",
            organisation_name="Wohnbau Oker",
            city="Braunschweig",
            created_at=fresh,
            html=(
                "<p>Bei uns hat es nur teilweise geklappt: Die Karte kam an, der Termin nicht. "
                "Geholfen hat am Ende der Pflegedienst einer Nachbarin.</p>"
            ),
        ),
    ]

    def thread(number: int, title: str, **changes: Any) -> Row:
        row = {
            "id": number,
            "slug": "thema",
            "title": title,
            "kind": "question",
            "area_slug": "verwahrlosung",
            "area_title": "Verwahrlosung und Vermüllung",
            "author_name": "Frieda Meyer",
            "author_organisation": "Baugenossenschaft Weserufer",
            "created_at": asked,
            "last_post_at": fresh,
            "last_author_name": "Aylin Kaya",
            "reply_count": 9,
            "organisation_count": 6,
            "recommended_count": 0,
            "pinned": False,
            "locked": False,
            "held": False,
            "waits": False,
            "unread": 0,
            "answered": False,
            "outcome": None,
            "tags": None,
        }
        return Row(**{**row, **changes})

    threads = [
        thread(
            31,
            "Treffen am 4. Dezember in Oldenburg: Bitte bis Freitag anmelden",
            kind="announcement",
            area_title="Kollegiales und Termine",
            author_name="Renate Holm",
            author_organisation="GSG Hunte",
            reply_count=0,
            organisation_count=0,
            pinned=True,
            locked=True,
            last_post_at=ago(days=3),
        ),
        thread(
            99,
            "Mieter öffnet nicht mehr, Nachbarn klagen über Geruch – wie den ersten Kontakt finden?",
            recommended_count=2,
            unread=3,
        ),
        thread(
            102,
            "Ratenzahlung vereinbart, dritte Rate bleibt aus: Wer ruft an?",
            area_title="Mietschulden und Wohnungserhalt",
            author_name="Tarek Aydın",
            author_organisation="Wohnungsgenossenschaft Hase",
            reply_count=0,
            organisation_count=0,
            unread=1,
            last_post_at=ago(hours=5),
        ),
        thread(
            87,
            "Mittagstisch im Gemeinschaftsraum: Was ist mit Versicherung und Lebensmittelhygieneverordnung?",
            kind="strategy",
            area_title="Angebote für Senioren",
            author_name="Ole Janssen",
            author_organisation="Nordseewohnen",
            reply_count=14,
            organisation_count=8,
            recommended_count=1,
            last_post_at=ago(days=1),
        ),
        thread(
            64,
            "Trommeln um Mitternacht",
            area_title="Nachbarschaftskonflikte",
            author_name="Jonas Brandt",
            author_organisation="Leinewohnen",
            reply_count=1,
            organisation_count=1,
            answered=True,
            last_post_at=ago(days=40),
        ),
    ]
    areas = [
        Row(
            slug="mietschulden",
            title="Mietschulden und Wohnungserhalt",
            description="Früh ansprechen, Raten, Jobcenter, Räumung abwenden.",
            unread=2,
            thread_count=148,
            last_post_at=fresh,
            access="open",
        ),
        Row(
            slug="termine",
            title="Kollegiales und Termine",
            description="",
            unread=0,
            thread_count=1,
            last_post_at=ago(days=3),
            access="announcement",
        ),
        Row(
            slug="leitung",
            title="Leitungsrunde",
            description="Vorbereitung der Treffen.",
            unread=0,
            thread_count=0,
            last_post_at=None,
            access="closed",
        ),
    ]
    recommendations = [
        Row(
            post_id=1202,
            for_what="erster Kontakt ohne Druck",
            reason="Hat bei uns zweimal die Tür geöffnet, ohne dass ein Amt beteiligt war.",
            by_name="Frieda Meyer",
            created_at=ago(days=12),
            author_name="Jonas Brandt",
            organisation_name="Leinewohnen",
            city="Hannover",
            thread_id=99,
            area_slug="verwahrlosung",
            area_title="Verwahrlosung und Vermüllung",
            thread_title=("Mieter öffnet nicht mehr, Nachbarn klagen über Geruch – wie den ersten Kontakt finden?"),
            extract=(
                "Persönlicher Brief mit handschriftlichem Zusatz, zwei Terminvorschläge, immer "
                "dieselbe Person – und beim dritten Mal mit der Hausmeisterin, die er kennt."
            ),
        ),
        Row(
            post_id=1188,
            for_what="Entrümpelung nach Einzug der Betreuung",
            reason="",
            by_name="Renate Holm",
            created_at=ago(days=90),
            author_name="Aylin Kaya",
            organisation_name="Wohnbau Oker",
            city="Braunschweig",
            thread_id=55,
            area_slug="verwahrlosung",
            area_title="Verwahrlosung und Vermüllung",
            thread_title="Entrümpelung: Wer trägt die Kosten?",
            extract=("Erst der Termin mit der Betreuerin, dann das Angebot, dann der Container. Nie umgekehrt."),
        ),
    ]

    def hit(
        title: Markup, extract: Markup, by_meaning: bool = False, reasons: tuple[Reason, ...] = (), **post: Any
    ) -> Row:
        row = {
            "post_id": 1202,
            "area_title": "Verwahrlosung und Vermüllung",
            "kind": "question",
            "created_at": answered,
            "author_name": "Jonas Brandt",
            "organisation_name": "Leinewohnen",
            "recommended": False,
            "helpful": False,
            "number": 2,
        }
        return Row(title=title, extract=extract, by_meaning=by_meaning, reasons=reasons, post=Row(**row | post))

    hits = [
        hit(
            Markup("Mieter öffnet nicht mehr, Nachbarn klagen über Geruch"),
            Markup(
                "… beim dritten Mal mit der <mark>Hausmeisterin</mark>, die er kennt. Da ging die Tür "
                "auf. Den <mark>Dienst</mark> rufen wir an, sobald …"
            ),
            recommended=True,
            helpful=True,
        ),
        hit(
            Markup("<mark>Mietschulden</mark> und <mark>Vermüllung</mark>: womit anfangen?"),
            Markup("Erst der <mark>Konflikt</mark> mit der <mark>Nachbarschaft</mark>, dann die Raten. …"),
            reasons=(
                Reason("part", "Schulden", "Miet|schulden"),
                Reason("equal", "Messie", "Vermüllung"),
                Reason("split", "Nachbarschaftskonflikt", "Nachbarschaft"),
                Reason("piece", "Ratenplan", "Raten"),
                Reason("similar", "Verwarlosung", "Verwahrlosung"),
            ),
            number=1,
        ),
        hit(
            Markup("Hausmeister als Vertraute: Chancen und Grenzen"),
            Markup("Unsere Hausmeister sehen mehr als wir. Was dürfen sie uns sagen, was nicht? …"),
            by_meaning=True,
            kind="strategy",
            created_at=ago(days=400),
            number=1,
        ),
    ]
    similar = [
        Row(
            thread_id=number, slug="thema", post_id=number, title=title, recommended=count > 0,
            recommended_count=count, reply_count=5, area_title="Nachbarschaftskonflikte",
        )
        for number, (title, count) in enumerate(
            [("Lärmprotokoll: Hilft es, oder gießt es Öl ins Feuer?", 1), ("Kinderlärm im Innenhof", 0)]
        )
    ]  # fmt: skip
    return Row(
        posts=posts,
        threads=threads,
        areas=areas,
        recommendations=recommendations,
        hits=hits,
        similar=similar,
        since=ago(hours=20),
        may_all=Row(reply=True, recommend=True, helpful=True, moderate=True),
        may_member=Row(reply=True, recommend=True, helpful=False, moderate=False),
        may_read=Row(reply=False, recommend=False, helpful=False, moderate=False),
        crumbs=[("Themen", "/"), ("Verwahrlosung und Vermüllung", "/areas/verwahrlosung")],
        title="Mieter öffnet nicht mehr, Nachbarn klagen über Geruch – wie den ersten Kontakt finden?",
        kind="Frage",
        facts=["gestellt am 3. November 2026", "9 Antworten aus 6 Unternehmen", "2 empfohlene Antworten"],
        sentence="Hier steht ein Satz, der sagt, was geschehen ist und was jetzt möglich ist.",
        info="Sie lesen dieses Thema mit. Neue Beiträge kommen per Mail.",
        good="Ihre Antwort steht im Thema. Wer ihm folgt, erfährt davon per Mail.",
        warning="Das Thema ist geschlossen. Antworten sind nicht mehr möglich.",
        errors=[("title", "Bitte geben Sie dem Thema einen Titel."), ("example", "Der Text ist leer.")],
        error="Bitte geben Sie dem Thema einen Titel.",
        title_label="Titel",
        title_hint="Worum geht es? Ein Satz, wie Sie ihn am Telefon sagen würden.",
        text_label="Text",
        text_hint="Lage, was schon versucht wurde, Ihre Frage. Bitte ohne Namen und Adressen.",
        text="Ein **älterer Mieter** öffnet niemandem mehr.",
        shown="<p>Ein <strong>älterer Mieter</strong> öffnet niemandem mehr.</p>",
        area_label="Themenbereich",
        area_options=[
            ("mietschulden", "Mietschulden und Wohnungserhalt"),
            ("verwahrlosung", "Verwahrlosung und Vermüllung"),
        ],
        kind_label="Art",
        kinds=[
            ("question", "Frage", "Ich suche Rat in einer Lage, die ich gerade habe."),
            ("strategy", "Strategie", "Ich möchte einen Weg besprechen, der viele Häuser angeht."),
            ("announcement", "Ankündigung", "Ein Termin oder eine Nachricht an alle."),
        ],
        check_label="Diesem Thema folgen",
        check_hint="Sie bekommen jeden Beitrag per Mail und können per Mail antworten.",
        files=Row(
            rows=[
                Row(
                    key="u1",
                    id=1,
                    upload=True,
                    name="Türkarte.pdf",
                    size=181_000,
                    address="/uploads/1",
                    width=None,
                    removed=False,
                )
            ],
            gone=False,
            refused="",
            accept=".pdf",
            longest_alt=300,
            most=10,
            megabytes=15,
        ),
        save="Thema eröffnen",
        quiet="Zurück",
        danger="Beitrag löschen",
        empty="Noch niemand hat in diesem Themenbereich gefragt.",
        empty_action="Thema eröffnen",
        filter_label="Zeigen",
        filters=[
            ("alle", "#all", True),
            ("ungelesene", "#unread", False),
            ("ohne Antwort", "#open", False),
            ("mit empfohlener Praxis", "#practice", False),
        ],
        side_title="Ähnliche Themen",
        side_links=[
            ("Entrümpelung: Wer trägt die Kosten?", "/threads/55"),
            ("Rechtliche Betreuung anregen – unser Ablauf", "/threads/56"),
            ("Geruch im Treppenhaus: Was sagt man den Nachbarn?", "/threads/57"),
        ],
        table_caption="Mitgliedsunternehmen",
        table_head=["Unternehmen", "Ort", "Mitglieder", "Beiträge"],
        table_rows=[
            ["Baugenossenschaft Weserufer", "Bremen", 3, 128],
            ["Leinewohnen", "Hannover", 2, 94],
            ["Wohnbau Oker", "Braunschweig", 1, 12],
        ],
        news="2 neue Beiträge, anzeigen",
    )
