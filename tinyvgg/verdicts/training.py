"""Claims about training: accuracies, over-fitting, optimisers, large networks, mistakes, speed."""

from __future__ import annotations

from tinyvgg.verdicts.rules import Claim, Part, Quantity, learnt, printed

TASKS = {"face": "people", "emotion": "emotions"}
RIVALS = ("Adam", "Adagrad")
LARGE = ("VGG-16", "VGG-19")


def key_of(name: str, task: str) -> str:
    """Name of a figure of the record "discussion": what is compared, and the task."""
    return f"{name.lower().replace('-', '')}_{task}"


def accuracy(task: str) -> Claim:
    theirs = printed(f"accuracy_{task}")
    return Claim(
        f"accuracy-{task}",
        {"face": "People", "emotion": "Emotions"}[task] + f": {100 * theirs:.2f} % right",
        f"TinyVGG, trained for 100 epochs, gets {100 * theirs:.2f} % of the test images of the "
        f"{task} task right.",
        "Table 2",
        f"{100 * theirs:.2f} % ({printed(f'errors_{task}'):.0f} errors)",
        (
            Part(
                "the difference between our share of right answers and the paper's has a 95 % "
                "interval (Newcombe's, of this run) that holds zero",
                f"accuracy_beside_paper_{task}",
                "contains",
                photographs=True,
                seeds=False,
            ),
        ),
        (Quantity(f"accuracy_{task}", f"{TASKS[task]} right", paper=theirs, digits=2),),
        "04_training",
        "how-well-table-2",
        "An accuracy belongs to a set of pictures. Those of the paper may not be passed on, so "
        "only a run on them (faces rafd:DIR) can judge it; ours is that on the faces of this run.",
    )


def overfit() -> Claim:
    return Claim(
        "emotion-overfits",
        "Emotions are over-fitted more than people",
        "Although it has far fewer classes, the emotion task is more prone to over-fitting.",
        'Section "Training of the networks", Fig. 5',
        "read from curves; no figure",
        (
            Part(
                "the gap between the error on the test images and that on the training images of "
                "the last epoch is larger in the emotion task (the interval of the difference is "
                "above zero)",
                "overfit_difference",
                provided=learnt("emotion"),
            ),
        ),
        (
            Quantity("overfit_difference", "gap, emotion less face", "points", mark=0.0),
            Quantity("gap_emotion", "gap, emotion", "points"),
            Quantity("gap_face", "gap, face", "points", digits=2),
        ),
        "04_training",
        "how-it-learns-fig-5",
        "How hard a task is depends on the pictures: the verdict is about the faces of this run. "
        "Of one run, the interval is Newcombe's for the two errors on test images.",
    )


def optimisers() -> Claim:
    parts, quantities = [], []
    for name in RIVALS:
        for task, words in TASKS.items():
            key = f"{key_of(name, task)}_over_sgd"
            parts.append(
                Part(
                    f"{task} task: {name} does not get more {words} right than SGD does (the "
                    "interval of the difference is not above zero)",
                    key,
                    "not above",
                )
            )
            quantities.append(
                Quantity(key, f"{name} less SGD, {task}", "points", mark=0.0, digits=2)
            )
    return Claim(
        "sgd-not-beaten",
        "SGD is not beaten by Adam or Adagrad",
        "Adam and Adagrad do not improve the performance over plain stochastic gradient descent.",
        'Sections "Training of the networks" and "Discussion and future work"',
        "asserted, without a figure",
        tuple(parts),
        tuple(quantities),
        "15_discussion",
        "adam-and-adagrad",
        note="The paper prints no learning rates for the two; ours are the usual ones, which the "
        "page names. A difference too small to be seen counts for the claim.",
    )


def large_networks() -> Claim:
    parts, quantities = [], []
    for task, words in TASKS.items():
        small = Part(
            f"TinyVGG gets more {words} right than chance does",
            f"{key_of('TinyVGG', task)}_over_chance",
        )
        for name in LARGE:
            key = f"{key_of(name, task)}_over_chance"
            parts.append(
                Part(
                    f"{task} task: {name} gets no more {words} right than chance does (the "
                    "interval of the difference is not above zero), where TinyVGG under the same "
                    "conditions does",
                    key,
                    "not above",
                    provided=small,
                )
            )
            quantities.append(Quantity(key, f"{name} over chance, {task}", "points", mark=0.0))
        quantities.append(Quantity(small.key, f"TinyVGG over chance, {task}", "points"))
    return Claim(
        "large-networks-fail",
        "VGG-16 and VGG-19 cannot be trained so",
        "Under the paper's protocol the training of VGG-16 and VGG-19 fails on both tasks, because "
        "the gradient vanishes.",
        'Section "Discussion and future work"',
        "asserted, without a figure",
        tuple(parts),
        tuple(quantities),
        "15_discussion",
        "vgg-16-and-vgg-19",
        note="A condition for a task that was not recorded cannot be told. The record says how "
        "many epochs it trained and at what size: to fail in fewer than the paper's 100 epochs is "
        "to fail so far.",
    )


def sad() -> Claim:
    return Claim(
        "sad-for-neutral",
        "Sad is missed most, as neutral; surprised least",
        "The sad faces are missed most, most of them as neutral, and the surprised ones least.",
        'Section "Evaluations on miss-classified cases"',
        f"sad missed {printed('errors_sad'):.0f} times, {printed('errors_sad_as_neutral'):.0f} of "
        f"them as neutral; surprised {printed('errors_surprised'):.0f}",
        tuple(
            Part(text, key, "at least", photographs=True)
            for text, key in (
                ("no emotion is missed more than sad", "sad_ahead"),
                ("sad is taken for no emotion more than for neutral", "neutral_ahead"),
                ("no emotion is missed less than surprised", "surprised_behind"),
            )
        ),
        tuple(
            Quantity(key, label, "cases", printed(paper), digits=0)
            for key, label, paper in (
                ("missed_sad", "sad missed", "errors_sad"),
                ("sad_as_neutral", "as neutral", "errors_sad_as_neutral"),
                ("missed_surprised", "surprised missed", "errors_surprised"),
            )
        ),
        "05_misclassified",
        "which-emotions",
        "Which expressions resemble each other was decided, for synthetic faces, by whoever drew "
        "them: their mistakes say nothing about real ones.",
    )


def speed() -> Claim:
    theirs = printed("images_per_second")
    return Claim(
        "speed",
        f"About {theirs:.0f} images a second",
        f"On a Titan X, approximately {theirs:.0f} images are processed in a second of training.",
        'Section "Training of the networks"',
        f"about {theirs:.0f} images/s",
        (
            Part(
                "on such a card, at the paper's size, the speed is between half and twice the "
                "paper's",
                "images_per_second",
                "about",
                theirs,
                machine=True,
            ),
        ),
        (Quantity("images_per_second", "training speed", "images/s", theirs, digits=0),),
        "04_training",
        "how-fast",
        "Speed belongs to a machine and an image size: only the profile paper on a Titan X can "
        "judge it.",
    )
