import pytest

from tinyvgg.faces.spec import Spec, parse_source


@pytest.mark.parametrize(
    "source,spec",
    [
        ("synthetic", Spec("synthetic")),
        ("orl", Spec("orl", "", "box", "refuse", ())),
        ("orl?crop=detect", Spec("orl", "", "detect", "refuse", ())),
        ("rafd:/a b/c", Spec("rafd", "/a b/c", "box", "refuse", ())),
        ("kdef:x?problems=skip,crop=centre", Spec("kdef", "x", "centre", "skip", ())),
        ("folder:C:/x", Spec("folder", "C:/x", "centre", "refuse", ("person",))),
        ("folder:x?y", Spec("folder", "x?y", "centre", "refuse", ("person",))),
        (
            "folder:x?labels=any/emotion",
            Spec("folder", "x", "centre", "refuse", ("any", "emotion")),
        ),
        ("folder:why?/x?crop=detect", Spec("folder", "why?/x", "detect", "refuse", ("person",))),
    ],
)
def test_sources_are_taken_apart(source, spec):
    assert parse_source(source) == spec


def test_a_folder_whose_name_looks_like_settings_is_a_folder(tmp_path):
    place = tmp_path / "x?crop=detect"
    place.mkdir()
    assert parse_source(f"folder:{place}").place == str(place)
    assert parse_source(f"folder:{place}?crop=detect").crop == "detect"


@pytest.mark.parametrize(
    "source,says",
    [
        ("folder:x?crop=box", "crop='box'.*choose one of centre, detect"),
        ("rafd:x?croop=box", "unknown setting 'croop'.*known: crop, problems$"),
        ("rafd:x?labels=person", "unknown setting 'labels'"),
        ("folder:x?problems=", "problems=''.*choose one of refuse, skip"),
        ("folder:x?crop=detect,crop=centre", "given twice"),
        ("synthetic?crop=centre", "have no settings"),
        ("folder:x?labels=persons", "labels='persons'.*person, emotion, gaze"),
        ("folder:x?labels=person/person", "once"),
        ("folder:x?labels=any/group", "must be among them"),
        ("folder:?crop=detect", "unknown source"),
        ("orl:?crop=detect", "unknown source"),
    ],
)
def test_unknown_settings_are_refused_with_the_known_ones(source, says):
    with pytest.raises(ValueError, match=says):
        parse_source(source)
