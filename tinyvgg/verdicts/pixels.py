"""Claims about backtracked pixels: that they determine the result, their number, and Table 3."""

from __future__ import annotations

from collections.abc import Mapping

from tinyvgg.paper import classes_at_the_floor, table_3
from tinyvgg.verdicts.rules import Claim, Part, Quantity, learnt, printed


def printed_ties() -> dict[str, int]:
    """The number of rows of the paper's Table 3 in which classes share the smallest probability."""
    table = table_3().drop(columns=["mistaken", "true"])
    ties = table.apply(lambda row: classes_at_the_floor(row.to_numpy(float)) > 1, axis=1)
    found = ties.groupby(level="moment").sum()
    return {"printed_ties_before": int(found["before"]), "printed_ties_after": int(found["after"])}


READINGS = {
    "printed": (
        "The algorithm as printed finds the decisive pixels",
        "as printed",
        "If the set contains every active pixel, the random control of the same size is the same "
        "set.",
    ),
    "released": (
        "The released cut finds the decisive pixels",
        "with the cut of the released code",
        "The paper does not describe the cut, but without it the sets cannot be as small as the "
        "paper's (page The text and the code). The algorithm is therefore tested with it too.",
    ),
}


def finds_pixels(reading: str) -> Claim:
    """Of the algorithm as "printed" or as "released"."""
    title, words, note = READINGS[reading]
    parts, quantities = [], []
    for task in ("face", "emotion"):
        decisive, another = f"decisive_{reading}_{task}", f"other_class_{reading}_{task}"
        falls = (
            f"in the {task} task, suppressing the set lowers the confidence of a misclassified "
            "image more than suppressing as many random active pixels (95 % interval of the "
            "difference above zero)"
        )
        differs = (
            f"in the {task} task, tracing from another class gives a different set for most images "
            "(95 % interval of the share above one half)"
        )
        parts += _parts(task, {decisive: falls}, cases="class_images")
        parts += _parts(task, {another: differs}, threshold=0.5, cases="class_images")
        quantities += [
            Quantity(
                decisive, f"fall in confidence beyond random, {task}", "points", mark=0.0, digits=0
            ),
            Quantity(another, f"sets that differ by class, {task} task"),
            Quantity(f"of_active_{reading}_{task}", f"share of the active pixels, {task} task"),
        ]
    return Claim(
        f"{reading}-algorithm",
        title,
        f"The backtracking algorithm, {words}, returns the pixels of the last feature maps that "
        "determine the result of the classification.",
        'Section "Motivation and the backtracking process", Algorithm 1',
        "stated, no number",
        tuple(parts),
        tuple(quantities),
        "06_backtracking",
        "does-the-set-depend-on-the-class",
        note,
    )


def sizes() -> Claim:
    share = {task: printed(f"pixels_{task}") / printed("pixels") for task in ("face", "emotion")}
    about = [
        Part(
            f"in the {task} task, the share of all pixels is between half and twice the paper's "
            f"{100 * share[task]:.1f} %",
            f"share_released_{task}",
            "about",
            share[task],
            photographs=True,
        )
        for task in ("face", "emotion")
    ]
    return Claim(
        "more-pixels-for-faces",
        "More pixels determine a face than an emotion",
        f"Backtracking returns {printed('pixels_face'):.0f} pixels for a misclassified face and "
        f"{printed('pixels_emotion'):.0f} for a misclassified emotion, so more features take part "
        "in face recognition.",
        'Section "Visualization of the feature maps"',
        f"{printed('pixels_face'):.0f} and {printed('pixels_emotion'):.0f} of "
        f"{printed('pixels'):,.0f} "
        f"({100 * share['face']:.1f} % and {100 * share['emotion']:.1f} %)",
        (
            Part(
                "backtracking with the released cut returns a larger share of all pixels in the "
                "face task than in the emotion task (95 % interval of the difference above zero)",
                "share_difference",
                cases="class_images_face",
                provided=learnt("emotion"),
            ),
            *about,
        ),
        (
            Quantity(
                "share_difference",
                "share of pixels, face minus emotion",
                "points",
                share["face"] - share["emotion"],
                0.0,
            ),
            *(
                Quantity(f"share_released_{t}", f"released cut, {t} task", paper=share[t])
                for t in share
            ),
            *(Quantity(f"share_printed_{t}", f"as printed, {t} task") for t in share),
            *(
                Quantity(
                    f"share_released_{t}_at_paper_size",
                    f"released cut, {t} task, at the paper's image size",
                    paper=share[t],
                )
                for t in share
            ),
        ),
        "06_backtracking",
        "how-many-pixels",
        "The direction can be tested on any faces. The two shares depend on the paper's images, "
        "their size and its networks, so they are tested only on its photographs. The algorithm as "
        "printed does not give such small sets; they come from the cut in the released code.",
    )


def common() -> Claim:
    lost = {
        "case": 1 - printed("pair_b_wrong_after") / printed("pair_b_wrong_before"),
        "twin": 1 - printed("pair_a_after") / printed("pair_a_before"),
    }
    who = {"case": "misclassified image", "twin": "twin"}
    parts = []
    for image, words in who.items():
        most = (
            f"suppressing the common pixels removes most of the {words}'s confidence in its "
            "predicted class (95 % interval of the mean share lost above one half)"
        )
        more = (
            f"suppressing the common pixels lowers the {words}'s confidence more than suppressing "
        )
        above = "(95 % interval of the difference above zero)"
        controls = {
            f"{image}_over_random": f"{more}as many random active pixels {above}",
            f"{image}_over_matched": f"{more}as many pixels with the same "
            f"summed activation {above}",
        }
        parts += _parts("face", {f"{image}_lost": most}, threshold=0.5) + _parts("face", controls)
    return Claim(
        "common-pixels-decide-faces",
        "Common pixels determine the recognized subject",
        "The pixels that backtracking finds both in a misclassified face and in its correctly "
        "classified twin largely determine how each of the two is classified.",
        'Section "Visualization and analysis of the features", Fig. 9',
        f"one pair: confidence in the wrong class falls from {printed('pair_b_wrong_before')} to "
        f"{printed('pair_b_wrong_after')}; other pairs not shown",
        tuple(parts),
        (
            Quantity(
                "case_lost", "share of confidence lost, misclassified", paper=lost["case"], mark=0.5
            ),
            Quantity("twin_lost", "share of confidence lost, twin", paper=lost["twin"]),
            Quantity("case_over_random", "beyond random, misclassified", "points", digits=0),
            Quantity(
                "case_over_matched",
                "beyond same activation, misclassified",
                "points",
                digits=0,
            ),
            Quantity("twin_over_random", "beyond random, twin", "points", digits=0),
            Quantity("twin_over_matched", "beyond same activation, twin", "points", digits=0),
            Quantity("pairs_face", "number of pairs", "", digits=0),
        ),
        "08_common_pixels",
        "all-pairs-and-a-control",
        "A twin is a correctly classified image of the same subject, emotion and angle that "
        "differs in gaze. The page Controls has further controls with the same number of pixels; "
        "the paper has none.",
    )


def patching() -> Claim:
    further = (
        "at the common pixels, a misclassified face differs more from its twin than two correctly "
        "classified faces of one subject, angle and emotion differ from each other (95 % interval "
        "of the difference above zero)"
    )
    most = (
        "in most pairs, patching the twin's values into the common pixels corrects the "
        "misclassified face (95 % interval of the share above one half)"
    )
    more = (
        "patching the common pixels corrects more faces than patching as many random pixels that "
        "are active in both images (95 % interval of the difference above zero)"
    )
    return Claim(
        "values-decide",
        "The values at the common pixels are decisive",
        "The two faces of a pair have largely different values at the common pixels, and these "
        "values decide the result.",
        'Section "Visualization and analysis of the features", Fig. 10',
        "one pair drawn, no number",
        (
            *_parts("face", {"distance_over_right": further}),
            *_parts("face", {"patched_correct": most}, threshold=0.5),
            *_parts("face", {"patched_over_random": more}),
        ),
        (
            Quantity("patched_over_random", "corrected beyond random", "points", mark=0.0),
            Quantity("patched_correct", "corrected by patching"),
            Quantity("distance_wrong", "distance, misclassified face and twin"),
            Quantity("distance_right", "distance, two correctly classified faces"),
        ),
        "08_common_pixels",
        "one-pair-figs-9-and-10",
        "The distance is the sum of the absolute differences between the values of the two images, "
        "divided by the sum of the larger values. The previous claim is about suppressing the "
        "common pixels; this one is about their values, which are therefore patched.",
    )


def unique() -> Claim:
    paper = printed("emotion_cases_corrected")
    most = (
        "suppressing the unique pixels corrects most of all cases (95 % interval of the share "
        "above one half)"
    )
    others = {
        "random": "as many random active pixels",
        "matched": "as many pixels with the same summed activation",
        "common": "the common pixels",
    }
    more = {
        f"corrected_over_{name}": "suppressing the unique pixels corrects more cases than "
        f"suppressing {words} (95 % interval of the difference above zero)"
        for name, words in others.items()
    }
    return Claim(
        "unique-pixels-decide-emotions",
        "Unique pixels determine the predicted emotion",
        "The pixels that backtracking finds in a misclassified face but not in its twin determine "
        "the result. Once they are suppressed, the emotion is classified correctly. Common pixels "
        "contribute little.",
        'Section "Visualization and analysis of the features", Fig. 11 and Table 3',
        f"{paper:.0f} of {paper:.0f} selected cases corrected",
        (
            Part(
                "suppressing the unique pixels corrects every case selected as in the paper, one "
                "for each misclassified emotion",
                "chosen_share",
                "at least",
                1.0,
                cases="chosen",
                provided=learnt("emotion"),
            ),
            *_parts("emotion", {"corrected_unique": most}, threshold=0.5),
            *_parts("emotion", more),
        ),
        (
            Quantity("corrected_unique", "share of all cases corrected", paper=1.0, mark=0.5),
            Quantity("chosen_share", "share of selected cases corrected", paper=1.0, digits=0),
            Quantity("corrected_over_random", "beyond random", "points", digits=0),
            Quantity("corrected_over_matched", "beyond same activation", "points", digits=0),
            Quantity("corrected_over_common", "beyond the common pixels", "points"),
            Quantity("pairs_emotion", "number of cases with a twin", "", digits=0),
        ),
        "09_unique_pixels",
        "all-cases-and-controls",
        "The paper shows eight selected cases; this book adds the share of all cases.",
    )


def table_3_rows() -> Claim:
    cases = printed("emotion_cases_corrected")
    return Claim(
        "table-3-is-soft-max",
        "Table 3 lists softmax probabilities",
        "The rows of Table 3, before and after suppression, are the softmax probabilities of the "
        "network.",
        "Table 3",
        f"{printed_ties()['printed_ties_after']} of {cases:.0f} rows have ties after suppression, "
        f"{printed_ties()['printed_ties_before']} before",
        (
            Part(
                "no printed row after suppression has several classes that share the smallest "
                "probability",
                "printed_ties_after",
                "at most",
            ),
            Part(
                "the softmax of the network's logits gives such a row in at least one of our cases",
                "ties_free",
                "at least",
                1.0,
            ),
        ),
        (
            Quantity("ties_free", "our rows with tied smallest values", "rows", cases, digits=0),
            Quantity("ties_rectified", "the same with rectified logits", "rows", digits=0),
            Quantity("chosen", "number of our rows", "", digits=0),
        ),
        "09_unique_pixels",
        "what-table-3-gives-away",
        "The softmax of rectified logits does give such rows. The most probable class is the same "
        "with and without rectification as long as its logit is positive.",
    )


def _parts(
    task: str, texts: Mapping[str, str], threshold: float = 0.0, cases: str = "pairs"
) -> list[Part]:
    """Conditions on a task's pairs or errors, by value; decided only if its network has learned."""
    return [
        Part(text, key, threshold=threshold, cases=f"{cases}_{task}", provided=learnt(task))
        for key, text in texts.items()
    ]
