"""Claims about training: accuracy, overfitting, optimizers, large networks, errors, speed."""

from __future__ import annotations

from tinyvgg.verdicts.rules import Claim, Part, Quantity, learnt, printed

TASKS = ("face", "emotion")
RIVALS = ("Adam", "Adagrad")
LARGE = ("VGG-16", "VGG-19")


def key_of(name: str, task: str) -> str:
    """Name of a figure of the record "discussion": what is compared, and the task."""
    return f"{name.lower().replace('-', '')}_{task}"


def accuracy(task: str) -> Claim:
    theirs = printed(f"accuracy_{task}")
    return Claim(
        f"accuracy-{task}",
        f"{task.capitalize()} task: accuracy of {100 * theirs:.2f} %",
        f"TinyVGG, trained for 100 epochs, classifies {100 * theirs:.2f} % of the test images of "
        f"the {task} task correctly.",
        "Table 2",
        f"{100 * theirs:.2f} % ({printed(f'errors_{task}'):.0f} errors)",
        (
            Part(
                "the 95 % interval of the difference between our accuracy and the paper's "
                "contains zero (Newcombe's interval, from this run alone)",
                f"accuracy_beside_paper_{task}",
                "contains",
                photographs=True,
                seeds=False,
            ),
        ),
        (Quantity(f"accuracy_{task}", f"accuracy, {task} task", paper=theirs, digits=2),),
        "04_training",
        "accuracy-table-2",
        "Accuracy depends on the images, and the paper's may not be redistributed. Only a run on "
        "them (the setting faces=rafd:DIR) can test this claim. Our value is the accuracy on the "
        "faces of this run.",
    )


def overfit() -> Claim:
    return Claim(
        "emotion-overfits",
        "The emotion task overfits more than the face task",
        "The emotion task is more prone to overfitting, although it has far fewer classes.",
        'Section "Training of the networks", Fig. 5',
        "shown as curves, no number",
        (
            Part(
                "the generalization gap, which is the test error minus the training error, is "
                "larger in the emotion task in the last epoch (95 % interval of the difference "
                "above zero)",
                "overfit_difference",
                provided=learnt("emotion"),
            ),
        ),
        (
            Quantity(
                "overfit_difference", "generalization gap, emotion minus face", "points", mark=0.0
            ),
            Quantity("gap_emotion", "generalization gap, emotion task", "points"),
            Quantity("gap_face", "generalization gap, face task", "points", digits=2),
        ),
        "04_training",
        "error-by-epoch-fig-5",
        "How hard a task is depends on the images, so the verdict holds for the faces of this run "
        "only. For a single run, the interval is Newcombe's for the two test errors.",
    )


def optimisers() -> Claim:
    parts, quantities = [], []
    for name in RIVALS:
        for task in TASKS:
            key = f"{key_of(name, task)}_over_sgd"
            parts.append(
                Part(
                    f"{name} is not more accurate than SGD on the {task} task (95 % interval of "
                    "the difference not above zero)",
                    key,
                    "not above",
                )
            )
            quantities.append(
                Quantity(key, f"{name} minus SGD, {task} task", "points", mark=0.0, digits=2)
            )
    return Claim(
        "sgd-not-beaten",
        "Adam and Adagrad do not beat SGD",
        "Adam and Adagrad do not improve the performance over plain stochastic gradient descent.",
        'Sections "Training of the networks" and "Discussion and future work"',
        "stated, no number",
        tuple(parts),
        tuple(quantities),
        "15_discussion",
        "adam-and-adagrad",
        note="The paper gives no learning rates for Adam and Adagrad. This book uses customary "
        "ones, which the page Discussion lists. A difference that is too small to detect, or that "
        "varies too much between seeds, counts in favor of the claim.",
    )


def large_networks() -> Claim:
    parts, quantities = [], []
    for task in TASKS:
        small = Part(
            f"TinyVGG is more accurate than chance on the {task} task",
            f"{key_of('TinyVGG', task)}_over_chance",
        )
        for name in LARGE:
            key = f"{key_of(name, task)}_over_chance"
            parts.append(
                Part(
                    f"{name} is not more accurate than chance on the {task} task (95 % interval of "
                    "the difference not above zero), but TinyVGG is under the same conditions",
                    key,
                    "not above",
                    provided=small,
                )
            )
            quantities.append(Quantity(key, f"{name} minus chance, {task}", "points", mark=0.0))
        quantities.append(Quantity(small.key, f"TinyVGG minus chance, {task}", "points"))
    return Claim(
        "large-networks-fail",
        "VGG-16 and VGG-19 cannot be trained",
        "Under the paper's protocol the training of VGG-16 and VGG-19 fails on both tasks, because "
        "the gradient vanishes.",
        'Section "Discussion and future work"',
        "stated, no number",
        tuple(parts),
        tuple(quantities),
        "15_discussion",
        "vgg-16-and-vgg-19",
        note="The condition for a task without a record cannot be decided. The record states the "
        "image size and the number of epochs; a network that fails in fewer than the paper's 100 "
        "epochs might still learn later.",
    )


def sad() -> Claim:
    return Claim(
        "sad-for-neutral",
        "Sad misclassified most (as neutral), surprised least",
        "Sad faces are misclassified most often, mostly as neutral, and surprised faces least "
        "often.",
        'Section "Evaluations on miss-classified cases"',
        f"{printed('errors_sad'):.0f} sad faces misclassified, "
        f"{printed('errors_sad_as_neutral'):.0f} of them as neutral; "
        f"{printed('errors_surprised'):.0f} surprised faces",
        tuple(
            Part(text, key, "at least", photographs=True)
            for text, key in (
                ("no emotion is misclassified more often than sad", "sad_ahead"),
                (
                    "misclassified sad faces are most often classified as neutral",
                    "neutral_ahead",
                ),
                ("no emotion is misclassified less often than surprised", "surprised_behind"),
            )
        ),
        tuple(
            Quantity(key, label, "cases", printed(paper), digits=0)
            for key, label, paper in (
                ("missed_sad", "sad, misclassified", "errors_sad"),
                ("sad_as_neutral", "sad, misclassified as neutral", "errors_sad_as_neutral"),
                ("missed_surprised", "surprised, misclassified", "errors_surprised"),
            )
        ),
        "05_misclassified",
        "counts-by-emotion",
        "Which expressions of synthetic faces resemble each other depends on how they are drawn, "
        "so their misclassifications say nothing about photographs.",
    )


def speed() -> Claim:
    theirs = printed("images_per_second")
    return Claim(
        "speed",
        f"About {theirs:.0f} images per second in training",
        f"On a Titan X, training processes approximately {theirs:.0f} images per second.",
        'Section "Training of the networks"',
        f"about {theirs:.0f} images/s",
        (
            Part(
                "training on a Titan X at the paper's image size runs at between half and twice "
                "the paper's speed",
                "images_per_second",
                "about",
                theirs,
                machine=True,
            ),
        ),
        (Quantity("images_per_second", "training speed", "images/s", theirs, digits=0),),
        "04_training",
        "training-speed",
        "Speed depends on the machine and the image size, so only the paper profile on a Titan X "
        "can test this claim.",
    )
