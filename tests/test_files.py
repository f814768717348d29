"""Files that are whole or not there; hashes that depend on content alone."""

import hashlib
import json

import numpy as np
import pytest

from tinyvgg.storage.files import (
    content_hash,
    digest,
    file_digest,
    replacing,
    write_json,
    write_text,
)


def test_a_file_is_replaced_when_it_is_whole_and_its_folder_is_made(tmp_path):
    path = tmp_path / "new" / "a.txt"
    with replacing(path) as temporary:
        temporary.write_text("one")
        assert not path.exists() and temporary.parent == path.parent
    write_text(path, "zwölf")
    assert path.read_text("utf8") == "zwölf"
    assert [p.name for p in path.parent.iterdir()] == ["a.txt"]


def test_a_failure_leaves_the_file_of_before_and_nothing_else(tmp_path):
    path = tmp_path / "a.txt"
    write_text(path, "before")
    with pytest.raises(OSError, match="disk full"), replacing(path) as temporary:
        temporary.write_text("half")
        raise OSError("disk full")
    assert path.read_text() == "before"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_a_folder_is_replaced_as_a_whole(tmp_path):
    path = tmp_path / "folder"
    for name in ("one", "two"):
        with replacing(path) as temporary:
            temporary.mkdir()
            (temporary / name).write_text(name)
    assert [p.name for p in path.iterdir()] == ["two"]
    with pytest.raises(ValueError), replacing(path) as temporary:
        temporary.mkdir()
        raise ValueError
    assert [p.name for p in tmp_path.iterdir()] == ["folder"]


def test_numbers_that_json_does_not_know_are_refused_where_it_is_asked_for(tmp_path):
    path = tmp_path / "a.json"
    write_json(path, {"b": [1, None]})
    with pytest.raises(ValueError):
        write_json(path, {"b": float("nan")}, allow_nan=False)
    assert json.loads(path.read_text()) == {"b": [1, None]}
    assert path.read_text().endswith("\n")


def test_a_digest_is_the_blake2b_of_its_parts_one_after_the_other(tmp_path):
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    expected = hashlib.blake2b(b"name" + array.T.tobytes() + b"!", digest_size=16).hexdigest()
    assert digest("name", array.T, b"!") == expected
    assert digest(np.zeros((0, 4))) == digest("")
    assert len(digest("name", size=4)) == 8
    path = tmp_path / "file"
    path.write_bytes(b"content")
    assert file_digest(path) == digest("content")


def test_the_hash_of_content_does_not_depend_on_the_order_of_keys():
    assert content_hash({"a": 1, "b": [2]}) == content_hash({"b": [2], "a": 1})
    assert content_hash({"a": 1}) != content_hash({"a": 1.5})
    assert len(content_hash(0)) == 16 and len(content_hash(0, size=10)) == 20
    with pytest.raises(TypeError):
        content_hash({"a": object()})
