import struct
import time
import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pillow_heif
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageCms, ImageDraw, ImageStat
from PIL.PngImagePlugin import PngInfo

from services.media.pictures import MAX_BYTES, PictureError, Processed, Rendition, protocol, sniff
from services.media.pictures.processing import process, process_avatar, process_header

pillow_heif.register_heif_opener()

PHOTOS = Path(__file__).resolve().parents[4] / "shared/data/photos"
CAMERA_PHOTOS = sorted(PHOTOS.glob("*.jpg"))
TURNS = {  # what a camera that says so has done to the upright picture
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def scene(width: int = 120, height: int = 80) -> Image.Image:
    """Red, green, blue and white quarters, so every orientation looks different."""
    image = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, width // 2 - 1, height // 2 - 1), "red")
    draw.rectangle((width // 2, 0, width, height // 2 - 1), "green")
    draw.rectangle((0, height // 2, width // 2 - 1, height), "blue")
    return image


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    body = BytesIO()
    image.save(body, kind, **options)
    return body.getvalue()


def opened(one: Rendition) -> Image.Image:
    image = Image.open(BytesIO(one.body))
    assert image.get_format_mimetype() == one.mime
    assert image.size == (one.width, one.height)
    return image


def secrets(orientation: int = 1) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010F] = "SecretCamera"
    exif.get_ifd(0x8825).update({1: "N", 2: (52.0, 31.0, 12.0)})
    return exif


def difference(one: Image.Image, other: Image.Image) -> float:
    """Return the mean difference of 16x16 thumbnails, 0 to 255."""
    a, b = (each.convert("RGB").resize((16, 16), Image.Resampling.BOX) for each in (one, other))
    return max(ImageStat.Stat(ImageChops.difference(a, b)).mean)


def assert_only_pixels(result: Processed) -> None:
    for one in (result.original, result.medium, result.small):
        for word in (
            b"Exif",
            b"GPS",
            b"http://ns.adobe.com",
            b"xmp",
            b"ICC",
            b"Photoshop",
            b"Secr",
        ):
            assert word not in one.body
        image = opened(one)
        assert not image.getexif()
        assert set(image.info) <= {
            "jfif", "jfif_version", "jfif_unit", "jfif_density", "loop", "background",
            "timestamp", "duration",
        }  # fmt: skip


def refusal(data: bytes, how: Callable[[bytes], Processed] = process) -> PictureError:
    with pytest.raises(PictureError) as caught:
        how(data)
    return caught.value


@pytest.mark.skipif(not CAMERA_PHOTOS, reason="the camera photos are not here")
@pytest.mark.parametrize("name", ["landscape", "portrait"])
def test_a_photo_looks_the_same_in_all_eight_orientations(name: str) -> None:
    made = [process((PHOTOS / f"{name}_{n}.jpg").read_bytes()) for n in range(1, 9)]
    upright = Image.open(PHOTOS / f"{name}_1.jpg")
    for result in made:
        assert opened(result.original).size == upright.size
        assert difference(opened(result.original), upright) < 4
        assert difference(opened(result.medium), upright) < 4
        assert difference(opened(result.small), upright) < 4
        assert_only_pixels(result)


@pytest.mark.skipif(not CAMERA_PHOTOS, reason="the camera photos are not here")
@pytest.mark.parametrize("path", CAMERA_PHOTOS, ids=lambda path: path.name)
def test_only_pixels_of_a_photo_remain(path: Path) -> None:
    data = path.read_bytes()
    assert b"Exif" in data
    assert_only_pixels(process(data))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "HEIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_format_is_rotated_upright(kind: str, orientation: int) -> None:
    turn = TURNS[orientation]
    lying = scene() if turn is None else scene().transpose(turn)
    result = process(encoded(lying, kind, exif=secrets(orientation).tobytes()))
    assert opened(result.original).size == (120, 80)
    assert difference(opened(result.original), scene()) < 8
    assert_only_pixels(result)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_avatars_and_headers_are_rotated_before_they_are_cropped(orientation: int) -> None:
    turn = TURNS[orientation]
    upright = scene(900, 600)
    lying = upright if turn is None else upright.transpose(turn)
    data = encoded(lying, "JPEG", exif=secrets(orientation).tobytes())
    avatar, header = process_avatar(data), process_header(data)
    assert opened(avatar.original).size == (400, 400)
    assert difference(opened(avatar.original), upright.crop((150, 0, 750, 600))) < 8
    assert opened(header.original).size == (900, 300)
    assert difference(opened(header.original), upright.crop((0, 150, 900, 450))) < 8
    assert_only_pixels(avatar)


def test_a_small_avatar_is_enlarged_and_a_large_header_bounded() -> None:
    assert opened(process_avatar(encoded(scene(50, 90), "PNG")).original).size == (400, 400)
    assert opened(process_header(encoded(scene(3000, 2500), "JPEG")).original).size == (1500, 500)


def test_all_sizes_are_bounded() -> None:
    result = process(encoded(scene(3000, 1500), "JPEG"))
    assert opened(result.original).size == (2048, 1024)
    assert opened(result.medium).size == (1080, 540)
    assert opened(result.small).size == (640, 320)
    line = process(encoded(scene(3000, 2), "PNG"))
    assert (opened(line.original).size, opened(line.medium).size) == ((2048, 1), (1080, 1))


@pytest.mark.parametrize(
    ("size", "medium"),
    [((900, 1600), (900, 1600)), ((1600, 900), (1080, 608)), ((641, 10), (641, 10))],
)
def test_a_picture_wider_than_the_preview_has_a_medium_size(
    size: tuple[int, int], medium: tuple[int, int]
) -> None:
    result = process(encoded(scene(*size), "PNG"))
    assert opened(result.medium).size == medium
    assert result.medium.mime == "image/webp"
    assert difference(opened(result.medium), opened(result.original)) < 8


@pytest.mark.parametrize("size", [(640, 2000), (640, 10)])
def test_a_narrow_picture_has_no_medium_size(size: tuple[int, int]) -> None:
    result = process(encoded(scene(*size), "PNG"))
    assert result.medium is result.original


@pytest.mark.parametrize("size", [(20, 20), (300, 900), (900, 900)])
def test_the_pipe_keeps_which_sizes_are_the_same(size: tuple[int, int]) -> None:
    made = process(encoded(scene(*size), "PNG"))
    read = protocol.decode(protocol.encode(made))
    assert read == made
    assert (read.medium is read.original) == (made.medium is made.original)
    assert (read.small is read.original) == (made.small is made.original)


def test_a_small_picture_keeps_its_size_and_is_its_own_preview() -> None:
    result = process(encoded(Image.new("RGB", (1, 1), "red"), "PNG"))
    assert opened(result.original).size == (1, 1)
    assert result.small is result.original
    assert len(result.blurhash) == 28
    assert result.colour == "#ff0000"


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "GIF", "HEIF"])
def test_transparency_is_kept(kind: str) -> None:
    image = Image.new("RGBA", (40, 40), (255, 0, 0, 255))
    image.paste((0, 0, 0, 0), (0, 0, 20, 40))
    result = process(encoded(image, kind))
    alpha = opened(result.original).convert("RGBA").getchannel("A")
    assert result.original.mime == "image/webp"
    assert (alpha.getpixel((5, 20)), alpha.getpixel((35, 20))) == (0, 255)


def test_a_picture_with_invisible_transparency_becomes_jpeg() -> None:
    assert process(encoded(scene().convert("RGBA"), "PNG")).original.mime == "image/jpeg"


@pytest.mark.parametrize(
    "data",
    [
        encoded(scene().convert("CMYK"), "JPEG"),
        encoded(scene().quantize(8), "PNG"),
        encoded(scene().quantize(8), "GIF"),
        encoded(scene(), "JPEG", progressive=True),
        encoded(scene(), "WEBP", lossless=True),
        encoded(scene(), "HEIF"),
    ],
    ids=["cmyk", "palette png", "gif", "progressive", "lossless webp", "heic"],
)
def test_every_colour_mode_is_decoded(data: bytes) -> None:
    assert difference(opened(process(data).original), scene()) < 8


def test_sixteen_bit_grey_becomes_eight_bit() -> None:
    grey = Image.new("I;16", (60, 40), 0x8080)
    made = opened(process(encoded(grey, "PNG")).original).convert("L")
    assert abs(ImageStat.Stat(made).mean[0] - 128) < 3


def test_black_and_white_and_grey_with_alpha_are_decoded() -> None:
    assert process(encoded(Image.new("1", (9, 9), 1), "PNG")).colour == "#ffffff"
    assert process(encoded(Image.new("LA", (9, 9), (0, 0)), "PNG")).colour == "#ffffff"


def test_other_colour_profiles_are_converted_to_srgb() -> None:
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    for profile in (lab, b"no profile at all"):
        result = process(encoded(scene(), "JPEG", icc_profile=profile))
        assert difference(opened(result.original), scene()) < 8
        assert_only_pixels(result)


def test_text_chunks_and_comments_are_removed() -> None:
    text = PngInfo()
    text.add_text("Comment", "Secret place")
    text.add_itxt("XML:com.adobe.xmp", "<xmp>Secret</xmp>")
    assert_only_pixels(process(encoded(scene(), "PNG", pnginfo=text)))
    assert_only_pixels(process(encoded(scene(), "JPEG", comment=b"Secret place")))
    assert_only_pixels(process(encoded(scene(), "GIF", comment=b"Secret place")))


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_an_animation_becomes_its_first_frame(kind: str) -> None:
    others = [Image.new("RGB", (120, 80), colour) for colour in ("black", "white")]
    data = encoded(scene(), kind, save_all=True, append_images=others, duration=50)
    result = process(data)
    assert difference(opened(result.original), scene()) < 8
    assert not getattr(opened(result.original), "is_animated", False)


def chunk(name: bytes, body: bytes, checksum: int | None = None) -> bytes:
    """A part of a PNG."""
    checksum = zlib.crc32(name + body) if checksum is None else checksum
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", checksum)


def segment(marker: int, body: bytes) -> bytes:
    """A part of a JPEG."""
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def zeros(size: int) -> bytes:
    return zlib.compress(bytes(size), 9)


def in_a_png(*chunks: bytes) -> bytes:
    data = encoded(scene(), "PNG")
    return data[:33] + b"".join(chunks) + data[33:]


def in_a_jpeg(*segments: bytes) -> bytes:
    data = encoded(scene(), "JPEG")
    return data[:2] + b"".join(segments) + data[2:]


def noise(kind: str, **options: Any) -> bytes:
    return encoded(Image.effect_noise((64, 48), 90).convert("RGB"), kind, **options)


PNG, JPEG, GIF, WEBP = (encoded(scene(), kind) for kind in ("PNG", "JPEG", "GIF", "WEBP"))
ODD = {
    "a long text in a PNG": in_a_png(chunk(b"zTXt", b"Note\0\0" + zeros(1_600_000))),
    "an international one": in_a_png(chunk(b"iTXt", b"Note\0\1\0\0\0" + zeros(1_600_000))),
    "a bomb of text": in_a_png(chunk(b"zTXt", b"Note\0\0" + zeros(200_000_000))),
    "seventy texts": in_a_png(*[chunk(b"zTXt", b"Note\0\0" + zeros(1_000_000))] * 70),
    "a text after the pixels": PNG[:-12] + chunk(b"zTXt", b"a\0\0" + zeros(1_600_000)) + PNG[-12:],
    "a bomb of a profile": in_a_png(chunk(b"iCCP", b"sRGB\0\0" + zeros(50_000_000))),
    "a profile of no kind": in_a_png(chunk(b"iCCP", b"sRGB\0\7" + zeros(9))),
    "an empty profile": in_a_png(chunk(b"iCCP", b"")),
    "a wrong checksum beside the pixels": in_a_png(chunk(b"tEXt", b"a\0b", checksum=1)),
    "transparency of a wrong length": in_a_png(chunk(b"tRNS", b"1")),
    "an animation that is none": in_a_png(chunk(b"acTL", b"1"), chunk(b"fcTL", b"")),
    "pixels of a wrong checksum": PNG[:-16] + b"abcd" + PNG[-12:],
    "a PNG without its end": PNG[:-12],
    "a PNG without its last checksum": PNG[:-16],
    "a PNG with more behind it": PNG + b"more" * 99,
    "a JPEG without its last byte": JPEG[:-1],
    "a JPEG without its last two bytes": JPEG[:-2],
    "a progressive one": encoded(scene(), "JPEG", progressive=True)[:-2],
    "one with restarts": encoded(scene(), "JPEG", restart_marker_rows=1)[:-2],
    "one in CMYK": encoded(scene().convert("CMYK"), "JPEG")[:-2],
    "a JPEG with more behind it": JPEG + b"more" * 99,
    "two JPEG in one file, the second cut": encoded(
        scene(), "MPO", save_all=True, append_images=[scene()]
    )[:-200],
    "a JPEG with an index of pictures that are not there": in_a_jpeg(
        segment(0xE2, b"MPF\0MM\0*\0\0\0\x08\0\1\xb0\1\0\4\0\0\0\1\0\0\0\x09\0\0\0\0")
    ),
    "a JPEG whose segments are too short": in_a_jpeg(
        segment(0xEE, b"Adobe"), segment(0xE0, b"JFIF\0")
    ),
    "an orientation that browsers do not read": in_a_jpeg(
        segment(0xE1, b'http://ns.adobe.com/xap/1.0/\0<x tiff:Orientation="6"/>')
    ),
    "a GIF without its end": GIF[:-1],
    "a GIF without the end of its frame": GIF[:-2],
    "a WebP without its last byte": WEBP[:-1],
    "a WebP that is cut in its XMP": encoded(scene(), "WEBP", xmp=b"secret" * 99)[:-300],
    "a WebP that is cut in its second frame": encoded(
        scene(), "WEBP", save_all=True, append_images=[scene().rotate(90)]
    )[:-99],
    "a WebP with more behind it": WEBP + b"more" * 99,
}  # fmt: skip


@pytest.mark.parametrize("data", ODD.values(), ids=ODD)
def test_pictures_that_a_browser_shows_are_accepted(data: bytes) -> None:
    result = process(data)
    assert opened(result.original).size == (120, 80)
    assert difference(opened(result.original), scene()) < 8
    assert_only_pixels(result)


NAMES = st.sampled_from(["tEXt", "zTXt", "iTXt", "gAMA", "cHRM", "pHYs", "acTL", "fcTL", "fdAT"])
LABELS = st.sampled_from(["", "JFIF\0", "http://ns.adobe.com/xap/1.0/\0", "MPF\0", "Adobe"])


@settings(max_examples=25)
@given(
    parts=st.lists(st.tuples(NAMES, st.binary(max_size=40), st.sampled_from([None, 1])), max_size=4)
)
def test_metadata_of_a_png_changes_nothing(
    parts: list[tuple[str, bytes, int | None]],
) -> None:
    chunks = (chunk(name.encode(), body, checksum) for name, body, checksum in parts)
    assert process(in_a_png(*chunks)) == process(PNG)


@settings(max_examples=25)
@given(
    parts=st.lists(
        st.tuples(st.one_of(st.integers(0xE0, 0xEF), st.just(0xFE)), LABELS, st.binary(max_size=6)),
        max_size=4,
    )
)
def test_application_segments_of_a_jpeg_change_nothing(
    parts: list[tuple[int, str, bytes]],
) -> None:
    data = in_a_jpeg(*(segment(marker, label.encode() + body) for marker, label, body in parts))
    assert process(data) == process(JPEG)


WHOLE = {
    "JPEG": noise("JPEG"),
    "restarts": noise("JPEG", restart_marker_rows=1),
    "PNG": noise("PNG"),
    "GIF": noise("GIF"),
    "WebP": noise("WEBP"),
    "lossless WebP": noise("WEBP", lossless=True),
}


@pytest.mark.parametrize("name", WHOLE)
@settings(max_examples=40)
@given(data=st.data())
def test_a_truncated_picture_is_complete_or_refused(name: str, data: st.DataObject) -> None:
    whole = WHOLE[name]
    missing = st.one_of(st.integers(1, 40), st.integers(1, len(whole) - 12))
    cut = whole[: -data.draw(missing, "missing")]
    result, refused = None, None
    try:
        result = process(cut)
    except PictureError as error:
        refused = error
    if refused is None:
        assert result == process(whole)
    else:
        assert (refused.code, "incomplete" in refused.message) == ("broken", True)


def png_claiming(width: int, height: int) -> bytes:
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    body = chunk(b"IDAT", zlib.compress(bytes(1 << 20)))
    return b"\x89PNG\r\n\x1a\n" + head + body + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [60_000, 12_000, 7_500])
def test_a_decompression_bomb_is_refused_by_its_header(side: int) -> None:
    data = png_claiming(side, side)
    start = time.thread_time()
    error = refusal(data)
    assert error.code == "too_many_pixels"
    assert "50 megapixels" in error.message
    assert time.thread_time() - start < 0.2


def test_the_refusal_names_the_size() -> None:
    assert "9000x7000 pixels" in refusal(png_claiming(9000, 7000)).message


def test_too_many_bytes_are_refused() -> None:
    error = refusal(encoded(scene(), "JPEG") + bytes(MAX_BYTES))
    assert (error.code, error.status) == ("too_large", 413)
    assert "16.0 MiB; at most 16 MiB" in error.message


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "HEIF"])
@pytest.mark.parametrize("part", [0.1, 0.6, 0.9])
def test_a_truncated_picture_is_refused(kind: str, part: float) -> None:
    noise = Image.effect_noise((200, 200), 90).convert("RGB")
    data = encoded(noise, kind)
    assert refusal(data[: int(len(data) * part)]).code == "broken"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<!doctype html><script>alert(1)</script>",
        b"PK\x03\x04" + bytes(100),
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"%!PS-Adobe-3.0 EPSF-3.0\n",
        encoded(scene(), "BMP"),
        encoded(scene(), "TIFF"),
        b"\x00\x00\x00\x18ftypmp42" + bytes(100),
    ],
    ids=["nothing", "html", "zip", "svg", "eps", "bmp", "tiff", "video"],
)
def test_other_files_are_unsupported(data: bytes) -> None:
    error = refusal(data)
    assert (error.code, error.status) == ("unsupported", 422)
    assert "Send a JPEG" in error.message


@pytest.mark.parametrize(
    "magic",
    [b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"RIFF\0\0\0\0WEBP", b"\0\0\0\x18ftypheic"],
)
def test_a_magic_number_followed_by_invalid_bytes_is_broken(magic: bytes) -> None:
    sniff(magic)
    assert refusal(magic + b"<html>" * 100).code == "broken"


def test_a_result_is_encoded_and_decoded() -> None:
    for result in (process(encoded(scene(), "PNG")), process(encoded(scene(900, 900), "PNG"))):
        assert protocol.decode(protocol.encode(result)) == result
    with pytest.raises(PictureError, match="Too") as caught:
        protocol.decode(protocol.encode(PictureError("busy", "Too much.")))
    assert caught.value.code == "busy"


@pytest.mark.parametrize("data", [b"", b"[]\n", b'{"code": "root"}\n', b'{"renditions": []}\nx'])
def test_invalid_bytes_on_the_pipe_raise(data: bytes) -> None:
    with pytest.raises((ValueError, KeyError, TypeError)):
        protocol.decode(data)
