"""How widely used sets name their images, one entry per set.

To add a set, add a row to `LAYOUTS`: a pattern with the labels as named groups, and a table of
its codes. What cannot be said so (RaFD, KDEF, ORL, FER2013's table of pixels) has a function of
its own in `listings`. Names and codes are from the makers' pages and from public code; none of
the sets comes with this package.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

Codes = Mapping[str, str | None]


@dataclass(frozen=True)
class Layout:
    """A set of images: its origin, and how its file names give the labels.

    Attributes
    ----------
    title : str
    place : {"DIR", "FILE", ""}
        What follows the name of the set and a colon; nothing for a set that is installed.
    labels : str
        Its labels, in words.
    people : str
        The numbers of subjects and images, in words.
    licence, citation, address : str
        The licence in the makers' words.
    pattern : str, optional
        A regular expression of a whole path below DIR, without the ending, or with `whole_name`
        of the file's name; capitals do not count. Named groups are fields of `labels.FIELDS`.
    codes : mapping of str to mapping
        By field, what the set's codes stand for; None: not an emotion.
    fixed : mapping
        Labels that all images share.
    whole_name : bool
        Match the name alone, its ending included: the ending is a label, or there is none.
    name_only : bool
        Match the name alone, in whatever folder the file lies.
    example : str
        A path that fits.
    crops : tuple of str
        See `spec.CROPS`; the first is taken if nothing is said.
    """

    title: str
    place: str
    labels: str
    people: str
    licence: str
    citation: str
    address: str
    pattern: str = ""
    codes: Mapping[str, Codes] = field(default_factory=dict)
    fixed: Mapping[str, str] = field(default_factory=dict)
    whole_name: bool = False
    name_only: bool = False
    example: str = ""
    crops: tuple[str, ...] = ("centre", "detect")

    @property
    def regex(self) -> re.Pattern[str]:
        return re.compile(self.pattern, re.IGNORECASE)


_BOXED = ("box", "detect", "centre")  # of faces that stand at a known place of the picture
_TWO_LETTERS = {
    **{"AN": "angry", "DI": "disgusted", "HA": "happy"},
    **{"NE": "neutral", "SA": "sad", "SU": "surprised"},
}
KDEF_EMOTIONS = {"AF": "fearful", **_TWO_LETTERS}
# "Full left" shows the left profile, so the nose points to the left of the picture, and the
# camera stands at the left ear: RaFD's 180.
KDEF_ANGLES = {"FL": 180, "HL": 135, "S": 90, "HR": 45, "FR": 0}

LAYOUTS = {
    "rafd": Layout(
        "Radboud Faces Database", "DIR", "person, emotion, gaze, angle, gender, group",
        "67 subjects, 8,040 images", "research, on request",
        "Langner et al. (2010), Cognition and Emotion 24, 1377", "https://rafd.socsci.ru.nl",
        example="Rafd090_01_Caucasian_female_angry_frontal.jpg", crops=_BOXED,
    ),
    "kdef": Layout(
        "Karolinska Directed Emotional Faces", "DIR", "person, emotion, angle, gender",
        "70 subjects, 4,900 images", "non-commercial research",
        "Lundqvist, Flykt and Öhman (1998), Karolinska Institutet", "https://kdef.se",
        example="AF01/AF01ANHL.JPG", crops=_BOXED,
    ),
    "orl": Layout(
        "ORL Database of Faces (AT&T)", "", "person",
        "40 subjects, 400 images", "with acknowledgement of AT&T Laboratories Cambridge",
        "Samaria and Harter (1994), 2nd IEEE Workshop on Applications of Computer Vision",
        "https://cam-orl.co.uk/facedatabase.html",
        example="s1/1.pgm", crops=_BOXED,
    ),
    "cmu": Layout(
        "CMU Face Images", "DIR", "person, emotion",
        "20 subjects, 640 images", "free for any educational purpose, provided attribution",
        "Mitchell (1997), Machine Learning, McGraw-Hill", "https://archive.ics.uci.edu/dataset/124",
        r"(?P<person>[a-z0-9]+)_(straight|left|right|up)_(?P<emotion>neutral|happy|sad|angry)"
        r"_(open|sunglasses)(_(?P<scale>[24]))?",
        name_only=True, example="an2i/an2i_left_angry_open.pgm",
    ),
    "jaffe": Layout(
        "Japanese Female Facial Expression", "DIR", "person, emotion, gender",
        "10 subjects, 213 images", "non-commercial research",
        "Lyons et al. (1998), 3rd IEEE Conference on Face and Gesture Recognition, 200",
        "https://zenodo.org/records/3451524",
        r"(?P<person>[A-Z]{2})\.(?P<emotion>AN|DI|FE|HA|NE|SA|SU)\d+\.\d+",
        codes={"emotion": {"FE": "fearful", **_TWO_LETTERS}},
        fixed={"gender": "female"}, name_only=True, example="KA.AN1.39.tiff",
    ),
    "ck": Layout(
        "Extended Cohn-Kanade, 48 pixels (CK+48)", "DIR", "person, emotion",
        "118 subjects, 981 images: three neighboring frames per sequence", "research",
        "Lucey et al. (2010), CVPR Workshops, 94", "https://www.jeffcohn.net/resources",
        r"(?P<emotion>[^/]+)/(?P<person>S\d+)_\d+_\d+",
        example="anger/S010_004_00000017.png",
    ),
    "fer2013": Layout(
        "FER2013", "FILE", "emotion, split",
        "unknown subjects, 35,887 images", "research",
        "Goodfellow et al. (2013), Neural Information Processing, 117",
        "https://www.kaggle.com/c/challenges-in-representation-learning-"
        "facial-expression-recognition-challenge",
        r"(?P<split>[^/]+)/(?P<emotion>[^/]+)/[^/]+",
        codes={
            "emotion": {
                "0": "angry", "1": "disgusted", "2": "fearful", "3": "happy",
                "4": "sad", "5": "surprised", "6": "neutral",
            }
        },
        example="train/angry/1.png",
    ),
    "yale": Layout(
        "Yale Face Database", "DIR", "person; emotion for some images",
        "15 subjects, 165 images", "research",
        "Belhumeur, Hespanha and Kriegman (1997), IEEE PAMI 19, 711",
        "http://cvc.cs.yale.edu/cvc/projects/yalefaces/yalefaces.html",
        r"subject(?P<person>\d+)\.(?P<emotion>[a-z]+)(\.\w+)?",
        codes={
            "emotion": {
                "normal": "neutral", "centerlight": None, "leftlight": None, "rightlight": None,
                "glasses": None, "noglasses": None,
            }
        },
        whole_name=True, example="subject01.happy",
    ),
    "london": Layout(
        "Face Research Lab London Set", "DIR", "person, emotion",
        "102 subjects, 204 frontal images", "CC BY 4.0",
        "DeBruine and Jones (2017), figshare", "https://doi.org/10.6084/m9.figshare.5047666",
        r"(.*/)?(?P<emotion>neutral|smiling)_front/(?P<person>\d+)_\d+",
        example="neutral_front/001_03.jpg",
    ),
}  # fmt: skip
