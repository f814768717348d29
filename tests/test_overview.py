import numpy as np
import pytest
from photographs import photograph, read

from tinyvgg.__main__ import main
from tinyvgg.faces.design import full_design
from tinyvgg.faces.faceset import FaceSet
from tinyvgg.faces.overview import contact_sheet, describe


def dummy(table):
    return FaceSet(np.zeros((len(table), 4, 4, 3), np.uint8), table, "synthetic")


def test_a_full_design_is_called_complete_with_its_tasks():
    lines = describe(dummy(full_design(2))).split("\n")
    assert lines[0] == "synthetic: 144 images of 4 x 4 pixels"
    assert "  subject: 0 (72), 1 (72)" in lines
    assert "  angle: 45 (48), 90 (48), 135 (48)" in lines
    assert "  design: 2 subjects x 8 emotions x 3 gazes x 3 angles, complete" in lines
    assert "  face task: 2 classes, 72 training images, 72 test images" in lines
    assert "  gaze task: 3 classes, 72 training images, 72 test images" in lines


def test_missing_combinations_are_counted_by_every_label():
    faces = dummy(full_design(3))
    gone = (faces.table.subject == 1) & (faces.table.emotion == "sad") & (faces.table.angle == 45)
    text = describe(faces.subset(~gone.to_numpy()))
    assert "3 of 216 combinations are missing" in text
    assert (
        "    by subject: 1 (3)\n    by emotion: sad (3)\n    by gaze: frontal (1), left (1)" in text
    )
    assert "    by angle: 45 (3)" in text


def test_folders_say_who_is_there_what_was_left_out_and_what_is_not_known(tmp_path):
    for seed, name in enumerate(["b2/1.png", "b2/2.png", "b10/1.png", "b10/2.png"]):
        photograph(tmp_path / name, seed=seed)
    (tmp_path / "b2" / "3.png").touch()
    lines = describe(read(f"folder:{tmp_path}?problems=skip")).split("\n")
    assert "  subject: b2 (2), b10 (2)" in lines
    assert "  emotion: unknown" in lines
    assert "  left out b2/3.png: not an image" in lines
    assert "  face task: 2 classes, 2 training images, 2 test images" in lines
    assert "  emotion task: not possible (no emotion labels)" in lines


def test_tasks_that_cannot_be_split_say_why(tmp_path):
    photograph(tmp_path / "ann" / "1.png")
    text = describe(read(f"folder:{tmp_path}"))
    assert "  face task: not possible (1 of 1 classes have a single image" in text
    photograph(tmp_path / "ann" / "2.png", seed=1)
    text = describe(read(f"folder:{tmp_path}"))
    assert "  face task: not possible (there is only one class, 'ann')" in text


def test_a_contact_sheet_shows_images_at_equal_steps():
    table = full_design(1, angles=(90,))
    images = np.arange(24, dtype=np.uint8)[:, None, None, None] * np.ones((4, 4, 3), np.uint8)
    sheet, shown = contact_sheet(FaceSet(images, table, "x"), 4)
    assert shown == 4 and sheet.size == (8, 8)
    assert [sheet.getpixel(at)[0] for at in ((0, 0), (4, 0), (0, 4), (4, 4))] == [0, 8, 15, 23]
    with pytest.raises(ValueError, match="count must be 1"):
        contact_sheet(FaceSet(images, table, "x"), 0)


def test_the_command_prints_the_overview_or_all_problems(tmp_path, capsys):
    photograph(tmp_path / "ann" / "1.png")
    (tmp_path / "ann" / "2.png").touch()
    assert main(["faces", "info", f"folder:{tmp_path}"]) == 2
    assert "ann/2.png: not an image" in capsys.readouterr().err
    assert main(["faces", "info", f"folder:{tmp_path}?problems=skip", "--size", "8"]) == 0
    assert "1 images of 8 x 8 pixels" in capsys.readouterr().out
    sheet = tmp_path / "sheet.png"
    source = f"folder:{tmp_path}?problems=skip"
    assert main(["faces", "show", source, "--out", str(sheet)]) == 0
    assert sheet.is_file()
