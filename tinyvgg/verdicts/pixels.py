"""Claims about backtracked pixels: that they decide, how many there are, and what Table 3 lists."""

from __future__ import annotations

from collections.abc import Mapping

from tinyvgg.paper import classes_at_the_floor, table_3
from tinyvgg.verdicts.rules import Claim, Part, Quantity, learnt, printed


def printed_ties() -> dict[str, int]:
    """In how many cases of the paper's Table 3 several classes share the smallest probability."""
    table = table_3().drop(columns=["mistaken", "true"])
    ties = table.apply(lambda row: classes_at_the_floor(row.to_numpy(float)) > 1, axis=1)
    found = ties.groupby(level="moment").sum()
    return {"printed_ties_before": int(found["before"]), "printed_ties_after": int(found["after"])}


READINGS = {
    "printed": (
        "The printed algorithm finds the pixels that decide",
        "as printed",
        "A set that holds every active pixel does what as many active pixels drawn at random do: "
        "there are no others.",
    ),
    "released": (
        "With the released cut it finds the pixels that decide",
        "with the cut of the released code",
        "The cut is not in the paper, but its figures come from it, so it is judged too.",
    ),
}


def finds_pixels(reading: str) -> Claim:
    """Of the algorithm as "printed" or as "released"."""
    title, words, note = READINGS[reading]
    parts, quantities = [], []
    for task in ("face", "emotion"):
        decisive, another = f"decisive_{reading}_{task}", f"other_class_{reading}_{task}"
        falls = (
            f"{task} task: without its set, the confidence of a misclassified image falls further "
            "than without as many active pixels drawn at random (the interval of the difference is "
            "above zero)"
        )
        differs = (
            f"{task} task: traced from another class, most images give another set (the interval "
            "of the share is above one half)"
        )
        parts += _parts(task, {decisive: falls}, cases="errors")
        parts += _parts(task, {another: differs}, threshold=0.5, cases="errors")
        quantities += [
            Quantity(decisive, f"{task}: beyond random", "points", mark=0.0, digits=0),
            Quantity(another, f"{task}: another class, another set"),
            Quantity(f"of_active_{reading}_{task}", f"{task}: share of the active pixels"),
        ]
    return Claim(
        f"{reading}-algorithm",
        title,
        f"The backtracking algorithm, {words}, returns the pixels of the last feature maps that "
        "determine the result of the classification.",
        'Section "Motivation and the backtracking process", Algorithm 1',
        "asserted, without a figure",
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
            f"{task} task: the share of all pixels is between half and twice the paper's "
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
        "More pixels decide on a face than on an emotion",
        f"Backtracking returns {printed('pixels_face'):.0f} pixels for a misclassified face and "
        f"{printed('pixels_emotion'):.0f} for a misread emotion, so more features take part in "
        "recognising people.",
        'Section "Visualization of the feature maps"',
        f"{printed('pixels_face'):.0f} and {printed('pixels_emotion'):.0f} of "
        f"{printed('pixels'):,.0f} "
        f"({100 * share['face']:.1f} % and {100 * share['emotion']:.1f} %)",
        (
            Part(
                "the share of all pixels that backtracking with the released cut returns is larger "
                "in the face task (the interval of the difference is above zero)",
                "share_difference",
                cases="errors_face",
                provided=learnt("emotion"),
            ),
            *about,
        ),
        (
            Quantity(
                "share_difference",
                "face less emotion",
                "points",
                share["face"] - share["emotion"],
                0.0,
            ),
            *(Quantity(f"share_released_{t}", f"{t}: with the cut", paper=share[t]) for t in share),
            *(Quantity(f"share_printed_{t}", f"{t}: as printed") for t in share),
        ),
        "06_backtracking",
        "how-many-pixels",
        "The direction can be tested on any faces; the two shares belong to the paper's pictures, "
        "their size and its networks, and are judged only on its photographs. As printed, the "
        "algorithm gives no such sets: the small ones come from the cut in the released code.",
    )


def common() -> Claim:
    lost = {
        "case": 1 - printed("pair_b_wrong_after") / printed("pair_b_wrong_before"),
        "twin": 1 - printed("pair_a_after") / printed("pair_a_before"),
    }
    who = {"case": "the case in its wrong name", "twin": "the twin in its right name"}
    parts = []
    for image, words in who.items():
        most = (
            f"without the common pixels, {words} loses most of its confidence (the interval of the "
            "mean share lost is above one half)"
        )
        more = f"{words} loses more than without as many"
        controls = {
            f"{image}_over_random": f"{more} active pixels drawn at random",
            f"{image}_over_matched": f"{more} of the same summed activation",
        }
        parts += _parts("face", {f"{image}_lost": most}, threshold=0.5) + _parts("face", controls)
    return Claim(
        "common-pixels-decide-faces",
        "Common pixels decide who is recognised",
        "Pixels that backtracking finds both in a misclassified face and in a correctly classified "
        "twin largely determine the result of either classification.",
        'Section "Visualization and analysis of the features", Fig. 9',
        f"one pair: {printed('pair_b_wrong_before')} to {printed('pair_b_wrong_after')} in the "
        "wrong name; the others not shown",
        tuple(parts),
        (
            Quantity("case_lost", "case: confidence lost", paper=lost["case"], mark=0.5),
            Quantity("twin_lost", "twin: confidence lost", paper=lost["twin"]),
            Quantity("case_over_random", "case: beyond random", "points", digits=0),
            Quantity("case_over_matched", "case: beyond same activation", "points", digits=0),
            Quantity("twin_over_random", "twin: beyond random", "points", digits=0),
            Quantity("twin_over_matched", "twin: beyond same activation", "points", digits=0),
            Quantity("pairs_face", "pairs", "", digits=0),
        ),
        "08_common_pixels",
        "all-pairs-and-a-control",
        "Other controls of the same number of pixels are on the page of controls; the paper has "
        "none.",
    )


def patching() -> Claim:
    further = (
        "at the common pixels, a misclassified face and its twin differ more than two correctly "
        "classified faces of one person, angle and emotion do (the interval of the difference is "
        "above zero)"
    )
    most = (
        "given its twin's values at the common pixels, the misclassified face is classified "
        "correctly in most pairs (the interval of the share is above one half)"
    )
    more = (
        "it is so more often than when given the twin's values at as many pixels drawn at random "
        "from those active in both (the interval of the difference is above zero)"
    )
    return Claim(
        "values-decide",
        "The same features with other values decide",
        "At the common pixels the two faces of a pair have largely different values, and these "
        "values are the decisive point.",
        'Section "Visualization and analysis of the features", Fig. 10',
        "one pair, drawn; no figure",
        (
            *_parts("face", {"distance_over_right": further}),
            *_parts("face", {"patched_correct": most}, threshold=0.5),
            *_parts("face", {"patched_over_random": more}),
        ),
        (
            Quantity(
                "patched_over_random", "classified correctly, beyond random", "points", mark=0.0
            ),
            Quantity("patched_correct", "classified correctly"),
            Quantity("distance_wrong", "distance of the values, case and twin"),
            Quantity("distance_right", "distance, two correct faces"),
        ),
        "08_common_pixels",
        "one-pair-figs-9-and-10",
        "The distance is the sum of the differences of two values over the sum of the larger ones. "
        "That suppressing the common pixels matters is the claim above; this one is about their "
        "values, so values are patched.",
    )


def unique() -> Claim:
    paper = printed("emotion_cases_corrected")
    most = "most of all cases are (the interval of the share is above one half)"
    others = {
        "random": "as many active pixels drawn at random",
        "matched": "as many of the same summed activation",
        "common": "the common pixels",
    }
    more = {
        f"corrected_over_{name}": f"more are than without {words} (the interval of the difference "
        "is above zero)"
        for name, words in others.items()
    }
    return Claim(
        "unique-pixels-decide-emotions",
        "Unique pixels decide which emotion is read",
        "Pixels that backtracking finds only in a misclassified face, and not in its twin, "
        "determine the result: once they are suppressed, the emotion is classified correctly. "
        "Common pixels contribute little.",
        'Section "Visualization and analysis of the features", Fig. 11 and Table 3',
        f"{paper:.0f} of {paper:.0f} chosen cases",
        (
            Part(
                "every one of the cases chosen as the paper's were, one for each emotion that was "
                "misclassified, is then classified correctly",
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
            Quantity("corrected_unique", "all cases corrected", paper=1.0, mark=0.5),
            Quantity("chosen_share", "chosen cases corrected", paper=1.0, digits=0),
            Quantity("corrected_over_random", "beyond random", "points", digits=0),
            Quantity("corrected_over_matched", "beyond same activation", "points", digits=0),
            Quantity("corrected_over_common", "beyond the common pixels", "points"),
            Quantity("pairs_emotion", "cases with a twin", "", digits=0),
        ),
        "09_unique_pixels",
        "all-cases-and-controls",
        "The paper shows eight cases that it chose; the share of all cases is ours to add.",
    )


def table_3_rows() -> Claim:
    cases = printed("emotion_cases_corrected")
    return Claim(
        "table-3-is-soft-max",
        "Table 3 lists soft-max probabilities",
        "The rows of Table 3, before and after the suppression, are the probabilities that the "
        "network's soft-max gives.",
        "Table 3",
        f"{printed_ties()['printed_ties_after']} of {cases:.0f} rows after the suppression have "
        f"ties, {printed_ties()['printed_ties_before']} of the rows before",
        (
            Part(
                "in no printed row after the suppression do several classes share the smallest "
                "probability",
                "printed_ties_after",
                "at most",
            ),
            Part(
                "soft-max of the network's logits makes such rows: our own cases have one at least",
                "ties_free",
                "at least",
                1.0,
            ),
        ),
        (
            Quantity("ties_free", "our rows with ties", "rows", cases, digits=0),
            Quantity("ties_rectified", "if the logits are rectified first", "rows", digits=0),
            Quantity("chosen", "our cases", "", digits=0),
        ),
        "09_unique_pixels",
        "what-table-3-gives-away",
        "Soft-max of rectified logits does make such rows. The class with the largest probability "
        "is the same in both readings as long as its logit is positive.",
    )


def _parts(
    task: str, texts: Mapping[str, str], threshold: float = 0.0, cases: str = "pairs"
) -> list[Part]:
    """Conditions on the pairs or errors of a task, by figure; told once its network has learnt."""
    return [
        Part(text, key, threshold=threshold, cases=f"{cases}_{task}", provided=learnt(task))
        for key, text in texts.items()
    ]
