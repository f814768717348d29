import io
import struct
import warnings

import numpy as np
import pytest
from PIL import Image, ImageCms, TiffImagePlugin

from tinyvgg.faces.crop import (
    KDEF,
    ORL,
    RAFD,
    Box,
    centre_square,
    crop_square,
    open_photo,
)
from tinyvgg.faces.design import ANGLES


def gradient(width, height):
    """Red grows to the right, green downwards, so that a place can be told from its colour."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[..., 0] = np.arange(width)
    pixels[..., 1] = np.arange(height)[:, None]
    return pixels


def test_box_in_pixels_is_a_square_worked_by_hand():
    assert Box(0.25, 0.125, 0.5).pixels(200, 400) == (50, 50, 150, 150)


@pytest.mark.parametrize("framing", [RAFD, KDEF], ids=["rafd", "kdef"])
@pytest.mark.parametrize("scale", [1, 0.5])
def test_every_angle_has_a_box_inside_its_database(framing, scale):
    assert set(framing.boxes) == set(ANGLES)
    width, height = round(framing.width * scale), round(framing.height * scale)
    for angle in ANGLES:
        left, upper, right, lower = framing.box(angle, width, height).pixels(width, height)
        assert right - left == pytest.approx(lower - upper)
        assert right - left > 0.6 * width


@pytest.mark.parametrize("framing", [RAFD, KDEF], ids=["rafd", "kdef"])
def test_boxes_of_opposite_angles_mirror_each_other(framing):
    for angle in ANGLES:
        box, other = framing.boxes[angle], framing.boxes[180 - angle]
        assert box.left == pytest.approx(1 - other.left - other.side)
    # The nose points to the right of the picture at 45, and the face with it, if it is moved.
    assert framing.boxes[45].left >= framing.boxes[90].left >= framing.boxes[135].left


def test_a_square_picture_is_used_whole():
    assert RAFD.box(45, 224, 224) == Box(0, 0, 1)


def test_other_proportions_are_refused_with_both_sizes():
    with pytest.raises(ValueError, match=r"640 x 480 pixels; expected .* 681 x 1024"):
        RAFD.box(90, 640, 480)


@pytest.mark.parametrize(
    "box",
    [Box(-0.1, 0, 0.5), Box(0.6, 0, 0.5), Box(0, 0.8, 0.5), Box(0, -0.2, 0.5), Box(0, 0, 0)],
)
def test_boxes_that_leave_the_picture_are_refused(box):
    with pytest.raises(ValueError, match="does not lie inside an image of 100 x 100"):
        box.pixels(100, 100)


@pytest.mark.parametrize("width,height", [(10, 10), (12, 20), (31, 12), (1, 7)])
def test_centre_square_is_the_largest_and_in_the_middle(width, height):
    left, upper, right, lower = centre_square(width, height).pixels(width, height)
    assert right - left == pytest.approx(min(width, height))
    assert lower - upper == pytest.approx(min(width, height))
    assert left == pytest.approx(width - right)
    assert upper == pytest.approx(height - lower)


def test_crop_without_resizing_equals_a_slice():
    pixels = gradient(60, 80)
    square = crop_square(Image.fromarray(pixels), Box(0.25, 0.5, 0.5), 30)
    np.testing.assert_array_equal(square, pixels[40:70, 15:45])


def test_orl_square_keeps_the_full_width_and_rows_14_to_106():
    pixels = gradient(92, 112)
    square = crop_square(Image.fromarray(pixels), ORL.box(90, 92, 112), 92)
    np.testing.assert_array_equal(square, pixels[14:106])


def test_shrinking_averages_instead_of_skipping():
    checkers = (np.indices((64, 64)).sum(0) % 2 * 255).astype(np.uint8)
    image = Image.fromarray(np.repeat(checkers[..., None], 3, axis=2))
    square = crop_square(image, Box(0, 0, 1), 8)
    assert square.shape == (8, 8, 3)
    assert abs(square.astype(int) - 127).max() <= 3


def test_palette_and_grey_become_rgb(tmp_path):
    colours = np.zeros((8, 8, 3), np.uint8)
    colours[:, 4:] = (200, 30, 60)
    Image.fromarray(colours).quantize(2).save(tmp_path / "palette.png")
    np.testing.assert_array_equal(open_photo(tmp_path / "palette.png"), colours)
    grey = np.arange(64, dtype=np.uint8).reshape(8, 8)
    Image.fromarray(grey).save(tmp_path / "grey.pgm")
    np.testing.assert_array_equal(open_photo(tmp_path / "grey.pgm"), np.dstack([grey] * 3))


def test_one_bit_pictures_are_black_and_white(tmp_path):
    Image.fromarray(np.eye(8, dtype=bool)).save(tmp_path / "bits.png")
    expected = np.repeat(np.eye(8, dtype=np.uint8)[..., None] * 255, 3, axis=2)
    np.testing.assert_array_equal(open_photo(tmp_path / "bits.png"), expected)


def test_cmyk_jpeg_keeps_its_colours(tmp_path):
    red = Image.new("RGB", (16, 16), (220, 40, 30))
    red.convert("CMYK").save(tmp_path / "cmyk.jpg", quality=95)
    with Image.open(tmp_path / "cmyk.jpg") as file:
        assert file.mode == "CMYK"
    assert (
        np.abs(np.asarray(open_photo(tmp_path / "cmyk.jpg")).astype(int) - (220, 40, 30)).max() < 8
    )


@pytest.mark.parametrize("suffix", ["png", "tif", "pgm"])
def test_sixteen_bits_are_scaled_and_not_clipped(tmp_path, suffix):
    values = np.linspace(0, 65535, 64).astype(np.uint16).reshape(8, 8)
    Image.fromarray(values).save(tmp_path / f"deep.{suffix}")
    photo = np.asarray(open_photo(tmp_path / f"deep.{suffix}"))
    np.testing.assert_allclose(photo[..., 0], values / 257, atol=0.5)


def test_what_is_transparent_shows_mid_grey(tmp_path):
    pixels = np.zeros((8, 8, 4), np.uint8)
    pixels[:, :4] = (10, 200, 30, 255)
    pixels[:, 4:] = (255, 0, 0, 0)
    Image.fromarray(pixels).save(tmp_path / "alpha.png")
    photo = np.asarray(open_photo(tmp_path / "alpha.png"))
    assert (photo[:, :4] == (10, 200, 30)).all()
    assert (photo[:, 4:] == 128).all()
    marked = Image.fromarray(np.repeat(np.array([[0, 1]], np.uint8), 2, axis=0))
    marked = marked.convert("P")
    marked.putpalette([10, 20, 30, 40, 50, 60])
    marked.save(tmp_path / "index.png", transparency=1)
    photo = np.asarray(open_photo(tmp_path / "index.png"))
    assert (photo[:, 0] == (10, 20, 30)).all()
    assert (photo[:, 1] == 128).all()


def test_a_photograph_taken_sideways_is_turned_upright(tmp_path):
    upright = Image.fromarray(gradient(32, 48))
    exif = Image.Exif()
    exif[0x0112] = 6  # turn a quarter clockwise to see it upright
    upright.rotate(90, expand=True).save(tmp_path / "phone.png", exif=exif)
    np.testing.assert_array_equal(open_photo(tmp_path / "phone.png"), upright)


def test_unreadable_files_raise(tmp_path):
    Image.effect_noise((64, 64), 50).save(tmp_path / "cut.jpg")
    whole = (tmp_path / "cut.jpg").read_bytes()
    (tmp_path / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.png").write_text("no image")
    (tmp_path / "empty.jpg").touch()
    Image.effect_noise((64, 64), 50).save(tmp_path / "bad.png")
    broken = bytearray((tmp_path / "bad.png").read_bytes())
    broken[60:200] = bytes(140)
    (tmp_path / "bad.png").write_bytes(broken)
    Image.fromarray(np.full((4, 4), 0.5, np.float32)).save(tmp_path / "float.tif")
    Image.fromarray(np.full((4, 4), 1 << 20, np.int32)).save(tmp_path / "wide.tif")
    for name in ("cut.jpg", "text.png", "empty.jpg", "bad.png", "float.tif", "wide.tif", "none"):
        with pytest.raises((OSError, SyntaxError, ValueError)):
            open_photo(tmp_path / name)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_is_turned_though_its_other_metadata_are_damaged(tmp_path, orientation):
    """A resolution with a denominator of zero, which cannot be written again."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x011A] = exif[0x011B] = TiffImagePlugin.IFDRational(72, 1)
    Image.fromarray(gradient(16, 24)).save(tmp_path / "a.jpg", exif=exif, quality=95)
    data = (tmp_path / "a.jpg").read_bytes()
    resolution = struct.pack(">2L", 72, 1)
    assert resolution in data
    data = data.replace(resolution, struct.pack(">2L", 72, 0))
    (tmp_path / "a.jpg").write_bytes(data)
    with Image.open(tmp_path / "a.jpg") as stored:
        stored.load()
        upright = {1: stored}.get(orientation) or stored.transpose(
            {2: 0, 3: 3, 4: 1, 5: 5, 6: 4, 7: 6, 8: 2}[orientation]
        )
    assert np.array_equal(np.asarray(open_photo(tmp_path / "a.jpg")), np.asarray(upright))


def test_colours_of_another_profile_are_converted_and_those_of_srgb_kept(tmp_path):
    wide = ImageCms.ImageCmsProfile(io.BytesIO(swapped_srgb()))
    image = Image.fromarray(gradient(64, 64))
    plain = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    for name, profile in (("srgb.png", plain), ("other.png", wide)):
        image.save(tmp_path / name, icc_profile=profile.tobytes())
    image.save(tmp_path / "bad.png", icc_profile=b"no profile")
    for name in ("srgb.png", "bad.png"):
        assert np.array_equal(np.asarray(open_photo(tmp_path / name)), np.asarray(image))
    srgb = ImageCms.createProfile("sRGB")
    expected = np.asarray(ImageCms.profileToProfile(image, wide, srgb))
    found = np.asarray(open_photo(tmp_path / "other.png"))
    assert np.array_equal(found, expected)
    assert np.abs(found.astype(int) - np.asarray(image)).max() > 40  # red and green change places


def swapped_srgb() -> bytes:
    """The profile sRGB with red and green exchanged, under another name."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    count = struct.unpack(">L", data[128:132])[0]
    places = {bytes(data[k : k + 4]): k for k in range(132, 132 + 12 * count, 12)}
    red, green = (bytes(data[places[tag] + 4 : places[tag] + 12]) for tag in (b"rXYZ", b"gXYZ"))
    data[places[b"rXYZ"] + 4 : places[b"rXYZ"] + 12] = green
    data[places[b"gXYZ"] + 4 : places[b"gXYZ"] + 12] = red
    name = "sRGB".encode("utf-16-be")
    return bytes(data).replace(name, "ABCD".encode("utf-16-be"))


SEEDS = 1500  # damaged files of each kind


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "TIFF", "BMP", "WEBP", "PPM"])
def test_damaged_files_raise_exceptions_and_nothing_else(tmp_path, kind):
    rng, path = np.random.default_rng(0), tmp_path / "x"
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "about"
    image = Image.fromarray(gradient(24, 24))
    image = image.convert("P") if kind == "GIF" else image
    options = {"exif": exif.tobytes()} if kind in ("JPEG", "PNG", "WEBP") else {}
    image.save(path, kind, **options)
    whole = path.read_bytes()
    read = 0
    for _ in range(SEEDS):
        data = bytearray(whole[: rng.integers(1, len(whole) + 1)] if rng.random() < 0.3 else whole)
        for place in rng.integers(0, len(data), rng.integers(1, 9)):
            data[place // (1 if rng.random() < 0.5 else 8)] = rng.integers(0, 256)
        path.write_bytes(data)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                photo = open_photo(path)
        except Exception:
            continue
        assert photo.mode == "RGB" and photo.width > 0
        read += 1
    assert 0 < read < SEEDS
