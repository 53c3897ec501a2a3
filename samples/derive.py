"""Make the two derived samples from the unchanged ones: `python samples/derive.py`."""

from pathlib import Path

from PIL import ExifTags, Image, ImageDraw, ImageFilter

HERE = Path(__file__).parent

SMOOTH = 4  # the mask is drawn this many times larger

ROTATE_90_CW = 6  # what a viewer must do, by EXIF's tag Orientation


def sideways() -> None:
    """Write a portrait as a phone does: the sensor's rows as they are, and how to turn them."""
    with Image.open(HERE / "dandelions.jpg") as photo:
        portrait = photo.crop((480, 0, 2721, 2988)).resize((1200, 1600), Image.Resampling.LANCZOS)
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = ROTATE_90_CW
    portrait.transpose(Image.Transpose.ROTATE_90).save(
        HERE / "phone-portrait.jpg", quality=85, exif=exif
    )


def cutout() -> None:
    """Cut the cup and its saucer out of the table, with a soft edge."""
    with Image.open(HERE / "coffee.png") as photo:
        cup = photo.convert("RGBA")
    mask = Image.new("L", (cup.width * SMOOTH, cup.height * SMOOTH))
    draw = ImageDraw.Draw(mask)
    draw.ellipse([SMOOTH * n for n in (78, 66, 479, 386)], fill=255)  # saucer
    draw.ellipse([SMOOTH * n for n in (173, 19, 407, 208)], fill=255)  # cup
    draw.line([SMOOTH * n for n in (411, 78, 384, 210)], fill=255, width=26 * SMOOTH)  # spoon
    draw.ellipse([SMOOTH * n for n in (397, 67, 424, 94)], fill=255)
    smooth = mask.resize(cup.size, Image.Resampling.LANCZOS).filter(ImageFilter.GaussianBlur(0.8))
    cup.putalpha(smooth)
    cup.crop((70, 10, 488, 394)).save(HERE / "coffee-cutout.png", optimize=True)


if __name__ == "__main__":
    sideways()
    cutout()
