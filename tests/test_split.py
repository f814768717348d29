from collections import Counter, defaultdict

import numpy as np
import pandas as pd
import pytest

from tinyvgg.faces.design import COLUMNS, EMOTIONS, full_design
from tinyvgg.faces.faceset import FaceSet
from tinyvgg.faces.split import split

TASKS = ("face", "emotion", "gaze")


def dummy(table, name="synthetic"):
    return FaceSet(np.zeros((len(table), 1, 1, 3), np.uint8), table, name)


def people_only(counts):
    """A set like ORL's: so many images of each subject, and no other label."""
    subjects = np.repeat(np.arange(len(counts)), counts)
    table = {"subject": subjects, "source": [f"{k:03d}.pgm" for k in range(len(subjects))]}
    unknown = dict.fromkeys(("emotion", "gaze", "angle", "gender", "group"))
    return dummy(pd.DataFrame(table | unknown), "orl")


@pytest.fixture(scope="module")
def full():
    return dummy(full_design())


@pytest.fixture(scope="module")
def few():
    return dummy(full_design(subjects=5))


def plain_split(faces, task, seed):
    """Method section 1, slowly: gather the groups, sort them, draw, and count."""
    label = {"face": "subject"}.get(task, task)
    groups = defaultdict(list)
    for row in range(len(faces)):
        entry = faces.table.iloc[row]
        angle = -1 if pd.isna(entry.angle) else int(entry.angle)
        groups[entry[label], angle].append(row)
    random = np.random.default_rng([seed, TASKS.index(task), 0])
    train, test = [], []
    for key in sorted(groups):
        group = sorted(groups[key], key=lambda row: faces.table.source[row])
        drawn = [int(row) for row in random.permutation(group)]
        for place, row in enumerate(drawn):
            if place < len(drawn) // 2:
                train.append(row)
            else:
                test.append(row)
    return sorted(train), sorted(test)


def test_face_split_of_the_full_design_is_2412_and_2412(full):
    parts = split(full, "face")
    assert (len(parts.train), len(parts.test)) == (2412, 2412)
    assert parts.classes == [str(k) for k in range(67)]


def test_emotion_split_of_the_full_design_is_2400_and_2424(full):
    parts = split(full, "emotion")
    assert (len(parts.train), len(parts.test)) == (2400, 2424)
    assert parts.classes == list(EMOTIONS)


def test_gaze_split_of_the_full_design_is_2412_and_2412(full):
    parts = split(full, "gaze")
    assert (len(parts.train), len(parts.test)) == (2412, 2412)
    assert parts.classes == ["frontal", "left", "right"]
    assert "gaze" not in full.tasks  # the book goes through the paper's two


@pytest.mark.parametrize("task,row", [("face", 1682), ("emotion", 2345)])
def test_draws_of_the_paper_tasks_stay_as_they_were(full, task, row):
    assert split(full, task, seed=3).train.sum() % 10007 == row


@pytest.mark.parametrize("seed", [0, 1])
def test_every_subject_at_every_angle_has_12_and_12(full, seed):
    parts = split(full, "face", seed=seed)
    for rows in (parts.train, parts.test):
        table = full.table.iloc[rows]
        groups = Counter(zip(table.subject, table.angle, strict=True))
        assert len(groups) == 67 * 3 and set(groups.values()) == {12}


@pytest.mark.parametrize("seed", [0, 1])
def test_every_emotion_at_every_angle_has_100_and_101(full, seed):
    parts = split(full, "emotion", seed=seed)
    for rows, count in ((parts.train, 100), (parts.test, 101)):
        table = full.table.iloc[rows]
        groups = Counter(zip(table.emotion, table.angle, strict=True))
        assert len(groups) == 8 * 3 and set(groups.values()) == {count}


@pytest.mark.parametrize("task,unseen", [("face", False), ("emotion", False), ("emotion", True)])
def test_train_and_test_are_sorted_and_hold_every_row_once(full, task, unseen):
    parts = split(full, task, unseen_subjects=unseen)
    for rows in (parts.train, parts.test):
        assert rows.dtype == np.int64 and (np.diff(rows) > 0).all()
    assert sorted([*parts.train, *parts.test]) == list(range(len(full)))


@pytest.mark.parametrize("task", TASKS)
def test_labels_are_those_of_the_whole_set(few, task):
    parts = split(few, task, seed=3)
    np.testing.assert_array_equal(parts.labels, few.labels(task))
    assert (parts.task, parts.seed) == (task, 3)
    assert parts.labels.dtype == np.int64


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("seed", [0, 1, 20170930])
def test_split_equals_the_plain_one(few, task, seed):
    parts = split(few, task, seed=seed)
    train, test = plain_split(few, task, seed)
    assert parts.train.tolist() == train
    assert parts.test.tolist() == test


def test_split_without_angles_equals_the_plain_one():
    faces = people_only([10] * 12)
    parts = split(faces, "face", seed=5)
    assert (parts.train.tolist(), parts.test.tolist()) == plain_split(faces, "face", 5)


@pytest.mark.parametrize("task", TASKS)
def test_same_seed_draws_the_same_and_another_seed_does_not(few, task):
    first, again, other = (split(few, task, seed=seed) for seed in (7, 7, 8))
    assert first.train.tolist() == again.train.tolist()
    assert first.train.tolist() != other.train.tolist()


def test_global_random_state_is_neither_used_nor_changed(few):
    np.random.seed(0)
    before = np.random.get_state()[1].copy()
    first = split(few, "face").train
    np.testing.assert_array_equal(np.random.get_state()[1], before)
    np.random.seed(1)
    np.testing.assert_array_equal(split(few, "face").train, first)


@pytest.mark.parametrize("task,unseen", [("face", False), ("emotion", False), ("emotion", True)])
def test_order_of_the_rows_does_not_matter(few, task, unseen):
    shuffled = few.subset(np.random.default_rng(0).permutation(len(few)))
    one, two = (split(faces, task, unseen_subjects=unseen) for faces in (few, shuffled))
    assert set(few.table.source[one.train]) == set(shuffled.table.source[two.train])


def test_every_image_of_a_group_may_train():
    """Over many seeds each of 5 images trains about 2 times in 5."""
    faces = people_only([5])
    times = Counter(row for seed in range(500) for row in split(faces, "face", seed=seed).train)
    assert all(160 < times[row] < 240 for row in range(5))


def test_odd_groups_leave_the_larger_half_to_the_test():
    parts = split(people_only([2, 3, 7]), "face")
    assert Counter(parts.labels[parts.train].tolist()) == {0: 1, 1: 1, 2: 3}
    assert Counter(parts.labels[parts.test].tolist()) == {0: 1, 1: 2, 2: 4}


def test_orl_like_set_is_divided_by_subject_alone():
    parts = split(people_only([10] * 40), "face")
    assert set(Counter(parts.labels[parts.train].tolist()).values()) == {5}
    assert set(Counter(parts.labels[parts.test].tolist()).values()) == {5}


@pytest.mark.parametrize("seed", range(3))
def test_unseen_subjects_are_in_one_half_only(full, seed):
    parts = split(full, "emotion", seed=seed, unseen_subjects=True)
    train = set(full.table.subject[parts.train])
    test = set(full.table.subject[parts.test])
    assert (len(train), len(test)) == (33, 34)
    assert not train & test
    assert parts.classes == list(EMOTIONS)


def test_unseen_subjects_make_no_sense_for_faces(few):
    with pytest.raises(ValueError, match="cannot be tested on unseen subjects"):
        split(few, "face", unseen_subjects=True)


def test_unseen_subjects_need_two_of_them():
    with pytest.raises(ValueError, match="at least two subjects; 'synthetic' has 1"):
        split(dummy(full_design(subjects=1)), "emotion", unseen_subjects=True)


def test_class_without_a_training_image_is_refused_by_name():
    faces = dummy(full_design(subjects=2))
    # Only subject 0 is ever sad and only subject 1 happy: whoever trains, one class is bare.
    gone = {(0, "happy"), (1, "sad")}
    pairs = zip(faces.table.subject, faces.table.emotion, strict=True)
    some = faces.subset([row for row, pair in enumerate(pairs) if pair not in gone])
    with pytest.raises(ValueError, match=r"no training image would be left for: (happy|sad)$"):
        split(some, "emotion", unseen_subjects=True)


def test_classes_of_a_single_image_are_refused_by_name():
    with pytest.raises(ValueError, match=r"2 of 3 classes have a single image in 'orl'.*: 1, 2$"):
        split(people_only([4, 1, 1]), "face")
    with pytest.raises(ValueError, match=r"14 of 14 classes .*: 0, 1, .*, 9 and 4 more$"):
        split(people_only([1] * 14), "face")


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("seed", [0, 1])
def test_incomplete_designs_are_halved_too_and_the_log_says_so(full, task, seed, caplog):
    """A tenth of the design, drawn at random: every group of two or more is halved."""
    rows = np.random.default_rng(seed).permutation(len(full))[:480]
    some = full.subset(np.sort(rows))
    with caplog.at_level("INFO", logger="tinyvgg"):
        parts = split(some, task, seed=seed)
    assert sorted([*parts.train, *parts.test]) == list(range(480))
    trains = np.isin(np.arange(480), parts.train)
    groups, alone = defaultdict(list), defaultdict(list)
    for row in range(480):
        groups[parts.labels[row], some.table.angle[row]].append(row)
    for (label, _), group in groups.items():
        if len(group) == 1:
            alone[label] += group
        else:
            assert trains[group].sum() == len(group) // 2
    for group in alone.values():
        assert trains[group].sum() == len(group) // 2
    lonely = sum(map(len, alone.values()))
    assert f"{len(parts.train)} images train and {len(parts.test)} test" in caplog.text
    assert (f"{lonely} images are alone" in caplog.text) == (lonely > 0)


def test_full_designs_are_not_worth_a_word(full, caplog):
    with caplog.at_level("INFO", logger="tinyvgg"):
        for task in TASKS:
            split(full, task)
    assert not caplog.text


def test_one_image_at_each_angle_is_divided_by_class(few):
    keep = ~few.table.duplicated(["subject", "angle"])
    parts = split(few.subset(keep.to_numpy()), "face")
    assert Counter(parts.labels[parts.train].tolist()) == dict.fromkeys(range(5), 1)
    assert Counter(parts.labels[parts.test].tolist()) == dict.fromkeys(range(5), 2)


def test_unseen_subjects_need_to_be_known(few):
    unknown = FaceSet(few.images, few.table.assign(subject=None), "folder:x")
    assert split(unknown, "emotion").classes == list(EMOTIONS)
    with pytest.raises(ValueError, match="'folder:x' has no subject"):
        split(unknown, "emotion", unseen_subjects=True)


def test_missing_label_unknown_task_and_empty_set_are_refused(few):
    with pytest.raises(ValueError, match="'orl' has no emotion"):
        split(people_only([4, 4]), "emotion")
    with pytest.raises(ValueError, match="unknown task: 'age'; known: face, emotion, gaze"):
        split(few, "age")
    with pytest.raises(ValueError, match="empty"):
        split(few.subset([]), "face")


@pytest.mark.parametrize("seed", [-1, 0.5, "0", None, True])
def test_seeds_that_are_no_whole_number_are_refused(few, seed):
    with pytest.raises(ValueError, match="seed must be a whole number"):
        split(few, "face", seed=seed)


# ---------------------------------------------------------------------- other people's pictures


def other_faces(names, **labels):
    table = pd.DataFrame({"source": names, **labels})
    for column in COLUMNS:
        if column not in table:
            table[column] = None
    return FaceSet(np.zeros((len(names), 4, 4, 3), np.uint8), table, "others")


def test_a_split_of_the_sets_own_is_used_as_it_is():
    faces = other_faces(
        list("abcdef"), emotion=["sad", "happy"] * 3, split=["train"] * 3 + ["test"] * 3
    )
    parts = split(faces, "emotion", seed=4)
    assert parts.train.tolist() == [0, 1, 2] and parts.test.tolist() == [3, 4, 5]
    assert "divided as the set says" in parts.remarks
    none = other_faces(list("ab"), emotion=["sad", "happy"], split=["train"] * 2)
    with pytest.raises(ValueError, match="leaves no image to test"):
        split(none, "emotion")
    bare = other_faces(
        list("abc"), emotion=["sad", "sad", "happy"], split=["train", "test", "test"]
    )
    with pytest.raises(ValueError, match="no training image would be left for: happy"):
        split(bare, "emotion")


def test_people_apart_stand_above_a_split_of_the_sets_own():
    faces = other_faces(
        list("abcdefgh"),
        emotion=["sad", "happy"] * 4,
        subject=[0, 0, 1, 1, 2, 2, 3, 3],
        split=["train", "test"] * 4,
    )
    parts = split(faces, "emotion", unseen_subjects=True)
    people = faces.table.subject.to_numpy()
    assert not set(people[parts.train]) & set(people[parts.test])


def test_neighbouring_frames_on_both_sides_are_told(caplog):
    names = [f"S{person}_001_{frame:08d}.png" for person in (1, 2) for frame in (3, 4, 5, 6)]
    labels = {"subject": [0] * 4 + [1] * 4, "emotion": ["sad", "sad", "happy", "happy"] * 2}
    parts = split(other_faces(names, **labels), "emotion")
    trains = np.isin(np.arange(8), parts.train)
    both = sum(trains[k] != trains[k + 1] for k in (0, 2, 4, 6))
    assert f"{both} pairs of neighbouring pictures of one person" in parts.remarks
    assert "unseen_subjects keeps people apart" in caplog.text
    caplog.clear()
    split(other_faces(names, **labels), "emotion", unseen_subjects=True)
    split(other_faces(names, **labels), "face")
    far = [name.replace("_001_", f"_{k}_") for k, name in enumerate(names)]
    split(other_faces(far, **labels), "emotion")
    assert "neighbouring" not in caplog.text
