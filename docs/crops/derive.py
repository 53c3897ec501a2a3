"""Make the pictures of this folder from a sample, as the workflow would.

Run by `PYTHONPATH=layers/darkroom python docs/crops/derive.py`.
"""

from pathlib import Path

from darkroom.contract.presets import FocalPoint, Preset
from darkroom.image.decode import decode
from darkroom.image.plan import plan
from darkroom.image.render import render
from darkroom.image.spec import DecodeSpec

HERE = Path(__file__).resolve().parent
SAMPLE = HERE.parent.parent / "samples" / "dandelions.jpg"

POSITIONS = {
    "center": "center",
    "attention": "attention",
    "entropy": "entropy",
    "point": FocalPoint(x=0.29, y=0.33),
}
PRESETS = (
    Preset(name="whole", width=240),
    *(
        Preset(
            name=f"{name}-{shape}", width=size[0], height=size[1], fit="cover", position=position
        )
        for name, position in POSITIONS.items()
        for shape, size in (("tall", (90, 160)), ("wide", (160, 50)))
    ),
)


def pictures() -> dict[str, bytes]:
    """Return each picture's file, by the name that it has here."""
    image, parts = decode(SAMPLE.read_bytes(), DecodeSpec(presets=PRESETS))
    mezzanine = b"".join(parts)
    planned = plan("sample", image, PRESETS)
    return {f"{each.name}.jpg": render(mezzanine, each).data for each in planned}


if __name__ == "__main__":
    for name, data in pictures().items():
        (HERE / name).write_bytes(data)
