"""The explorer as files: the joined modules, and the folder that a page loads."""

from __future__ import annotations

import base64
import json
import re

import pytest

from tinyvgg.explorer import static
from tinyvgg.explorer.static import bundle


@pytest.fixture
def web(tmp_path, monkeypatch):
    """A folder in which modules can be written."""
    (tmp_path / "web" / "view").mkdir(parents=True)
    monkeypatch.setattr(static, "files", lambda package: tmp_path)

    def write(**texts: str):
        for name, text in texts.items():
            path = name.replace("view_", "view/")
            (tmp_path / "web" / f"{path}.js").write_text(text, "utf8")

    return write


def content(path) -> tuple[str, str]:
    """What a file hands to the page: its name and its content."""
    call = re.fullmatch(r"tinyvggExplorer\((.*)\);\n", path.read_text())
    return tuple(json.loads(f"[{call[1]}]"))


def test_each_module_comes_once_after_those_that_it_needs(web):
    web(
        low="export const LOW = 1;\n",
        middle='import { LOW } from "./low.js";\nexport function middle() { return LOW; }\n',
        view_part='import { middle } from "../middle.js";\nimport { LOW } from "../low.js";\n'
        "export async function part() { return middle() + LOW; }\n",
        top='import { part } from "./view/part.js";\nexport default { part };\n',
    )
    text = bundle("top.js")
    assert [text.count(word) for word in ("const LOW", "function middle", "function part")] == [
        1
    ] * 3
    assert text.index("const LOW") < text.index("function middle") < text.index("function part")
    assert not re.search(r"^import", text, re.MULTILINE)
    assert re.findall(r"^export.*", text, re.MULTILINE) == ["export default { part };"]


@pytest.mark.parametrize(
    "texts, reason",
    [
        ({"top": 'import { b } from "./low.js";\n', "low": "export const a = 1;\n"}, "'b'.*low.js"),
        (
            {"top": 'import { a } from "./low.js";\nlet a;\n', "low": "export let a;\n"},
            "a is declared",
        ),
        (
            {
                "top": 'import { a } from "./low.js";\nexport const b = 1;\n',
                "low": 'import { b } from "./top.js";\nexport const a = 1;\n',
            },
            "top.js imports low.js imports top.js",
        ),
        ({"top": 'import * as a from "./low.js";\n', "low": ""}, "only single lines"),
        ({"top": "export { a };\nconst a = 1;\n"}, "only single lines"),
        (
            {"top": 'import { a } from "./low.js";\n', "low": "export let a;\nexport default a;\n"},
            "only single lines",
        ),
    ],
)
def test_what_cannot_be_joined_is_an_error(web, texts, reason):
    web(**texts)
    with pytest.raises(ValueError, match=reason):
        bundle("top.js")


def test_a_module_that_is_not_there_is_an_error(web):
    web(top='import { a } from "./gone.js";\n')
    with pytest.raises(FileNotFoundError, match=r"gone\.js"):
        bundle("top.js")


def test_the_explorer_is_one_module():
    text = bundle()
    assert not re.search(r"^import", text, re.MULTILINE)
    assert re.findall(r"^export.*", text, re.MULTILINE) == [
        line for line in text.splitlines() if line.startswith("export default")
    ]
    assert "class Session" in text


def test_the_files_hand_over_the_program_and_each_pack(tmp_path):
    static.write_explorer(tmp_path / "explorer", {"face": b"\x00\xff", "emotion": b"abc"})
    found = {path.name for path in (tmp_path / "explorer").iterdir()}
    assert found == {"static.js", "explorer.css", "module.js", "face.js", "emotion.js"}
    assert content(tmp_path / "explorer" / "module.js") == ("module", bundle())
    name, text = content(tmp_path / "explorer" / "face.js")
    assert (name, base64.b64decode(text)) == ("face", b"\x00\xff")
    assert not (tmp_path / "explorer").stat().st_mode & 0o022


def test_the_folder_is_made_anew_and_never_half(tmp_path, monkeypatch):
    folder = tmp_path / "explorer"
    static.write_explorer(folder, {"face": b"1", "gaze": b"2"})
    static.write_explorer(folder, {"face": b"3"})
    assert not (folder / "gaze.js").exists()
    monkeypatch.setattr(static, "bundle", lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        static.write_explorer(folder, {"face": b"4"})
    assert base64.b64decode(content(folder / "face.js")[1]) == b"3"
    assert list(tmp_path.iterdir()) == [folder]
