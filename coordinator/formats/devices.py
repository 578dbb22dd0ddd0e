"""What is known of cameras that their photographs do not tell: the width of a sensor, and which see all around.

Only those of the streets whose photographs come without a 35 mm focal length. The widths are those of Panoramax's
geopic-tag-reader (cameras.csv), which has them from OpenSfM's sensor_data.json; makers' data sheets have the same.
"""

from __future__ import annotations

_SENSOR_WIDTHS = {
    "apple iphone 4s": 4.57,
    "apple iphone 5": 4.57,
    "apple iphone 5s": 4.89,
    "apple iphone 6": 4.89,
    "apple iphone 6s": 4.8,
    "dji fc220": 6.17,
    "dji fc2103": 6.07,
    "dji fc300c": 6.31,
    "dji fc300s": 6.16,
    "dji fc300x": 6.2,
    "dji fc330": 6.25,
    "dji fc350": 6.17,
    "dji fc6310": 13.2,
    "dji fc6310s": 13.2,
    "dji fc6540": 23.5,
    "gopro hd2": 5.8,
    "gopro hd3": 5.76,
    "gopro hero4": 6.17,
    "gopro hero5": 6.17,
    "gopro hero6": 6.17,
    "gopro hero7": 6.17,
    "gopro hero8": 6.17,
    "gopro hero9": 6.17,
    "gopro hero10": 6.17,
    "gopro hero11": 6.74,
    "gopro hero12": 6.74,
    "gopro hero13": 6.74,
    "lge nexus 5": 4.54,
    "samsung gt-i9195": 4.54,
    "samsung gt-i9300": 4.53,
    "viofo a119 mini 2": 5.2,
}
"""Millimetres, by make and model or the first words of them."""
_ALL_AROUND = (
    "theta",
    "insta360",
    "arashi vision",
    "gopro max",
    "gopro fusion",
    "virb 360",
    "qoocam",
    "labpano",
    "gear 360",
    "sm-r210",
    "sm-c200",
    "keymission 360",
    "vuze",
    "xphase",
)
"""Parts of make and model of cameras whose photographs, twice as wide as high, are whole panoramas."""


def sensor_width(make: str, model: str) -> float | None:
    """Millimetres of the longer side of the sensor, if it is known."""
    words = _name(make, model).split()
    beginnings = (" ".join(words[:count]) for count in range(len(words), 0, -1))
    return next((_SENSOR_WIDTHS[name] for name in beginnings if name in _SENSOR_WIDTHS), None)


def sees_all_around(make: str, model: str) -> bool:
    """Whether it is a camera that makes panoramas of 360 x 180 degrees."""
    name = _name(make, model)
    return any(part in name for part in _ALL_AROUND)


def _name(make: str, model: str) -> str:
    make, model = make.lower(), model.lower()
    return model if model.startswith(make) else f"{make} {model}"
