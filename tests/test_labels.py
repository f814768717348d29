"""Labels as people write them: words, spellings, patterns, tables, and the sets that many use."""

import logging
import unicodedata

import numpy as np
import pandas as pd
import pytest
from photographs import photograph, read
from PIL import Image

from tinyvgg.faces.labels import compile_pattern, plain, read_label
from tinyvgg.faces.layouts import LAYOUTS
from tinyvgg.faces.spec import SOURCES, parse_source


def scatter(root, *names):
    for seed, name in enumerate(names):
        photograph(root / name, seed=seed)


@pytest.mark.parametrize(
    ("field", "text", "label"),
    [
        ("emotion", "Anger", "angry"),
        ("emotion", " HAPPINESS ", "happy"),
        ("emotion", "smiling", "happy"),
        ("emotion", "Surprise", "surprised"),
        ("emotion", "contempt", "contemptuous"),
        ("emotion", "Bored", "bored"),
        ("emotion", "", None),
        ("gaze", "Straight", "frontal"),
        ("split", "Training", "train"),
        ("split", "PublicTest", "test"),
        ("angle", "45", 45),
        ("person", " José ", "José"),
        ("person", unicodedata.normalize("NFD", "José"), "José"),
        ("group", "Caucasian", "Caucasian"),
    ],
)
def test_words_are_brought_to_one(field, text, label):
    assert read_label(field, text) == label


def test_unknown_angles_and_halves_are_refused():
    with pytest.raises(ValueError, match="angle '30' is none of"):
        read_label("angle", "30")
    with pytest.raises(ValueError, match="neither train nor test"):
        read_label("split", "middle")


@pytest.mark.parametrize(
    ("pattern", "path", "fields"),
    [
        (
            "{emotion}_front/{person}_{any}",
            "neutral_front/001_03",
            {"emotion": "neutral", "person": "001"},
        ),
        (
            "{emotion}_front/{person}_{any}",
            "neutral_front/a_b_c",
            {"emotion": "neutral", "person": "a"},
        ),
        ("{emotion}_front/{person}_{any}", "x/neutral_front/001_03", None),
        ("{person}.{any}", "a.b.c", {"person": "a"}),
        ("{any}{person}", "ab", {"person": "ab"}),
        ("{person}/{any}", "a/b/c", None),
    ],
)
def test_a_pattern_fits_a_whole_path_level_by_level(pattern, path, fields):
    match = compile_pattern(pattern).fullmatch(path)
    assert (match and match.groupdict()) == fields


@pytest.mark.parametrize(
    ("pattern", "says"),
    [("{persons}", "unknown field {persons}"), ("{person}{person}", "twice"), ("{person", "brace")],
)
def test_patterns_that_cannot_be_read_are_refused(pattern, says):
    with pytest.raises(ValueError, match=says):
        compile_pattern(pattern)
    with pytest.raises(ValueError, match=r"name=.*the fields are person, emotion"):
        parse_source(f"folder:x?name={pattern}")


def test_a_pattern_needs_a_class_and_one_way_to_tell_labels():
    with pytest.raises(ValueError, match="person, emotion or gaze must be among"):
        parse_source("folder:x?name={any}_{group}")
    with pytest.raises(ValueError, match="give only one of them"):
        parse_source("folder:x?name={person},labels=person")
    with pytest.raises(ValueError, match="table= has no value"):
        parse_source("folder:x?table=")


def test_file_names_tell_labels_by_a_pattern(tmp_path):
    scatter(
        tmp_path, "neutral_front/001_03.jpg", "smiling_front/001_08.jpg", "smiling_front/2_8.jpg"
    )
    faces = read(f"folder:{tmp_path}?name={{emotion}}_front/{{person}}_{{any}}")
    rows = faces.table[["person", "emotion"]].to_numpy().tolist()
    assert rows == [["001", "neutral"], ["001", "happy"], ["2", "happy"]]
    scatter(tmp_path, "smiling_front/odd.jpg")
    with pytest.raises(ValueError, match=r"odd\.jpg: does not match name=\{emotion\}_front"):
        read(f"folder:{tmp_path}?name={{emotion}}_front/{{person}}_{{any}}")


def test_a_table_tells_labels(tmp_path, caplog):
    scatter(tmp_path, "a.png", "deep/b.png", "c.png", "unlisted.png")
    table = pd.DataFrame(
        {
            "file": ["a.png", "deep\\b.png", " c.png"],
            "person": ["x", "y", "x"],
            "emotion": ["Anger", "sadness", "sad "],
            "split": ["Training", "test", "train"],
            "age": [1, 2, 3],
        }
    )
    table.to_csv(tmp_path / "labels.csv", index=False)
    with caplog.at_level(logging.INFO, logger="tinyvgg"):
        faces = read(f"folder:{tmp_path}?table=labels.csv")
    rows = faces.table[["source", "person", "emotion", "split"]].to_numpy().tolist()
    assert rows == [
        ["a.png", "x", "angry", "train"],
        ["c.png", "x", "sad", "train"],
        ["deep/b.png", "y", "sad", "test"],
    ]
    assert "ignored columns that are not labels: age" in caplog.text
    assert "skipped 1 images that are not listed in labels.csv" in caplog.text


def test_faults_of_a_table_are_named(tmp_path):
    scatter(tmp_path, "a.png")
    source = f"folder:{tmp_path}?table=t.csv"
    with pytest.raises(FileNotFoundError, match=r"no table 't\.csv'"):
        read(source)
    for text, says in (
        ("picture,person\na.png,x\n", "missing column file; it has picture, person"),
        ("file,age\na.png,3\n", "expected a column person, emotion or gaze"),
        ("file,person\na.png,x\nb.png,y\n", r"b\.png: missing, but listed in t\.csv"),
        ("file,person\na.png,x\na.png,y\n", r"a\.png: listed twice"),
        ("file,person\na.png,\n", r"a\.png: the person is missing"),
    ):
        (tmp_path / "t.csv").write_text(text)
        with pytest.raises(ValueError, match=says):
            read(source)


def test_one_name_in_two_spellings_is_one(tmp_path, caplog):
    composed, apart = (unicodedata.normalize(form, "José") for form in ("NFC", "NFD"))
    scatter(tmp_path, f"{composed}/Anger/1.png", f"{apart}/anger/2.png", "Ann/sad/3.png")
    scatter(tmp_path, "Ann/sad /4.png")
    with caplog.at_level(logging.WARNING, logger="tinyvgg"):
        faces = read(f"folder:{tmp_path}?labels=person/emotion,problems=skip")
    assert faces.classes("face") == ["Ann", "José"]
    assert faces.classes("emotion") == ["angry", "sad"]
    assert (
        "'Anger' and 'anger' differ only in capitalization and are the same emotion" in caplog.text
    )


def test_people_who_differ_in_capitals_are_reported(tmp_path, caplog):
    scatter(tmp_path, "Ann/1.png", "ann/2.png")
    with caplog.at_level(logging.WARNING, logger="tinyvgg"):
        assert len(read(f"folder:{tmp_path}").classes("face")) == 2
    assert "'Ann' and 'ann' differ only in capitalization and are different people" in caplog.text


# ---------------------------------------------------------------------- known sets

FILES = {
    "cmu": [
        "an2i/an2i_left_angry_open.png",
        "an2i/an2i_up_happy_sunglasses.png",
        "at33/at33_straight_sad_open.png",
    ],
    "jaffe": ["KA.AN1.39.tiff", "KA.HA2.30.tiff", "MK.SU1.130.tiff"],
    "ck": ["anger/S010_004_00000017.png", "fear/S010_005_00000003.png", "anger/S052_1_1.png"],
    "fer2013": ["train/angry/1.png", "test/happy/2.png", "train/surprise/3.png"],
    "yale": ["subject01.happy", "subject01.glasses", "subject02.normal"],
    "london": ["neutral_front/001_03.jpg", "smiling_front/001_08.jpg", "smiling_front/2_08.jpg"],
}
FOUND = {
    "cmu": [["an2i", "angry"], ["an2i", "happy"], ["at33", "sad"]],
    "jaffe": [["KA", "angry"], ["KA", "happy"], ["MK", "surprised"]],
    "ck": [["S010", "angry"], ["S010", "fearful"], ["S052", "angry"]],
    "fer2013": [["test", "happy"], ["train", "angry"], ["train", "surprised"]],
    "yale": [["01", None], ["01", "happy"], ["02", "neutral"]],
    "london": [["001", "neutral"], ["001", "happy"], ["2", "happy"]],
}


@pytest.mark.parametrize("kind", FILES)
def test_the_names_of_known_sets_tell_their_labels(tmp_path, kind):
    for seed, name in enumerate(FILES[kind]):
        photograph(tmp_path / f"{name}.png", seed=seed)
        (tmp_path / f"{name}.png").rename(tmp_path / name)
    (tmp_path / "README.txt").write_text("about")
    faces = read(f"{kind}:{tmp_path}")
    first = "split" if kind == "fer2013" else "person"
    assert sorted(faces.table[[first, "emotion"]].to_numpy().tolist(), key=str) == sorted(
        FOUND[kind], key=str
    )
    assert f"{kind}:{LAYOUTS[kind].place}" in SOURCES
    photograph(tmp_path / "other.png", seed=9)
    with pytest.raises(ValueError, match="the name is not like"):
        read(f"{kind}:{tmp_path}")


def test_smaller_copies_are_passed_over_and_spoilt_ones_too(tmp_path, caplog):
    names = ("an2i_left_angry_open", "at33_left_sad_open")
    scatter(tmp_path, *(f"x/{name}{end}.png" for name in names for end in ("", "_2", "_4")))
    (tmp_path / "x" / "at33_up_sad_open.bad").write_bytes(b"P5")
    with caplog.at_level(logging.WARNING, logger="tinyvgg"):
        assert len(read(f"cmu:{tmp_path}")) == 2
    assert "skipped 4 smaller copies" in caplog.text and ".bad (1)" in caplog.text


def test_copies_of_one_small_size_are_read_whatever_lies_beside(tmp_path):
    scatter(tmp_path, "an2i_left_angry_open_2.png", "an2i_left_sad_open_4.png", "odd.png")
    faces = read(f"cmu:{tmp_path}?problems=skip")
    assert faces.table.source.tolist() == ["an2i_left_angry_open_2.png"]


@pytest.mark.parametrize("crop", ["centre", "detect"])
def test_pictures_of_odd_sizes_and_kinds_are_read_or_listed(tmp_path, crop):
    scatter(tmp_path, "ann/1.png", "ann/2.png")
    sizes = [(1, 1), (1, 500), (500, 1), (2, 3)]
    for k, (mode, size) in enumerate((m, s) for m in ("RGB", "L", "P", "1", "CMYK") for s in sizes):
        picture = Image.new(mode, size, k)
        picture.save(tmp_path / "ann" / f"odd{k}.{'jpg' if mode == 'CMYK' else 'png'}")
    source = f"folder:{tmp_path}?crop={crop},problems=skip"
    if crop == "detect":  # no face in any: one error of ours
        with pytest.raises(ValueError, match="none of 22 images can be used"):
            read(source)
    else:
        faces = read(source)
        assert len(faces) + len(faces.left_out) == 22


def test_a_table_of_pixels_is_read_as_pictures(tmp_path):
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (4, 48 * 48))
    rows = [
        (emotion, " ".join(map(str, values)), usage)
        for emotion, values, usage in zip(
            (0, 3, 6, 3), pixels, ("Training", "Training", "PublicTest", "PrivateTest"), strict=True
        )
    ]
    table = pd.DataFrame(rows, columns=["emotion", "pixels", "Usage"])
    table.to_csv(tmp_path / "fer2013.csv", index=False)
    faces = read(f"fer2013:{tmp_path / 'fer2013.csv'}", size=48)
    by_name = faces.table.set_index("source")
    assert by_name.emotion.tolist() == ["angry", "happy", "neutral", "happy"]
    assert by_name.split.tolist() == ["train", "train", "test", "test"]
    assert np.array_equal(faces.images[..., 0].reshape(4, -1), pixels)
    table.loc[1, "pixels"] = "1 2 300"
    table.to_csv(tmp_path / "fer2013.csv", index=False)
    with pytest.raises(ValueError, match=r"fer2013\.csv:3: no numbers from 0 to 255"):
        read(f"fer2013:{tmp_path / 'fer2013.csv'}", size=48)


# ---------------------------------------------------------------------- what lies beside


def test_system_folders_are_passed_over_with_a_word(tmp_path, caplog):
    scatter(tmp_path, "ann/1.png", "bob/1.png", "ann/@eaDir/1.png", "__MACOSX/ann/1.png")
    with caplog.at_level(logging.WARNING, logger="tinyvgg"):
        assert len(read(f"folder:{tmp_path}")) == 2
    assert (
        "ann/@eaDir, which was made by an operating system" in caplog.text
        and "__MACOSX" in caplog.text
    )


def test_an_archive_and_a_picture_are_no_folder(tmp_path):
    (tmp_path / "set.zip").write_bytes(b"PK")
    scatter(tmp_path, "one.png")
    with pytest.raises(FileNotFoundError, match="is an archive; unpack it"):
        read(f"folder:{tmp_path / 'set.zip'}")
    with pytest.raises(FileNotFoundError, match="is a single file; give the folder"):
        read(f"folder:{tmp_path / 'one.png'}")


def test_nearly_uniform_pictures_are_reported(tmp_path, caplog):
    scatter(tmp_path, "ann/1.png", "ann/2.png")
    values = np.random.default_rng(0).integers(0, 4096, (64, 64)).astype(np.uint16)
    Image.fromarray(values).save(tmp_path / "ann" / "12bit.png")
    with caplog.at_level(logging.WARNING, logger="tinyvgg"):
        read(f"folder:{tmp_path}")
    assert "1 images use less than 32" in caplog.text and "12bit.png" in caplog.text


def test_names_are_compared_in_one_form():
    assert plain(unicodedata.normalize("NFD", " é ")) == "é"
