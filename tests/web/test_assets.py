"""Style sheets and scripts are written in parts and sent as one file each."""

from pathlib import Path

from forum.web.assets import Assets

STATIC = Path(__file__).parents[2] / "static"


def test_parts_are_sent_in_one_file(tmp_path: Path) -> None:
    (tmp_path / "app.css").write_text('@import "post.css";\n.z { color: red }\n')
    (tmp_path / "post.css").write_text(".a { color: blue }\n")
    assert Assets(tmp_path).by_name["app.css"].content == b".a { color: blue }\n.z { color: red }\n"


def test_modules_keep_their_names_to_themselves_but_for_those_they_give(tmp_path: Path) -> None:
    (tmp_path / "app.js").write_text("import './one.js';\nimport './two.js';\n")
    (tmp_path / "one.js").write_text("import { give } from './common.js';\nconst mine = give(1);\n")
    (tmp_path / "two.js").write_text("import { give } from './common.js';\nconst mine = give(2);\n")
    (tmp_path / "common.js").write_text("export const give = value => value;\n")
    script = Assets(tmp_path).by_name["app.js"].content.decode()
    assert script.count("const give") == 1
    assert script.index("const give") < script.index("give(1)") < script.index("give(2)")
    assert "{\nconst mine = give(1);\n}" in script
    assert "import" not in script
    assert "export" not in script


def test_what_we_wrote_is_small() -> None:
    """At most 12 kB of script, 14 kB of style sheet, compressed."""
    sent = Assets(STATIC).by_name
    assert len(sent["js/app.js"].packed or b"") <= 12_000
    assert len(sent["css/app.css"].packed or b"") <= 14_000
    assert b"@import" not in sent["css/app.css"].content
    assert b"\nimport " not in sent["js/app.js"].content
