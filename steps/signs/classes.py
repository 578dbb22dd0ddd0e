"""The classes of the sign network, in the order of its outputs, and the official codes of the signs.

Codes are those of Germany's catalogue of traffic signs (VzKat 2017, annex to the StVO) in the form that OpenStreetMap's
``traffic_sign`` uses. The first 43 classes are GTSRB's (Stallkamp, Schlipsing, Salmen and Igel, "Man vs. computer",
Neural Networks 32, 2012), in its order and with readable names. The signs after them are known from drawings alone, and
are named by their codes. Whatever else is a traffic sign is :data:`OTHER`, and what is none is :data:`NOTHING`.
"""

from __future__ import annotations

_GTSRB = """
speed_limit_20 274-20, speed_limit_30 274-30, speed_limit_50 274-50, speed_limit_60 274-60, speed_limit_70 274-70,
speed_limit_80 274-80, speed_limit_80_end 278-80, speed_limit_100 274-100, speed_limit_120 274-120, no_overtaking 276,
no_overtaking_heavy 277, priority_intersection 301, priority_road 306, yield 205, stop 206, no_entry_vehicles 250,
no_entry_heavy 253, do_not_enter 267, warning_sign 101, single_curve_left 103-10, single_curve_right 103-20,
double_curve_left 105-10, rough_road 112, slippery_road 114, narrows_right 121-10, workers_in_road 123,
traffic_light 131, pedestrian_warning 133-10, children_warning 136-10, cyclists_warning 138-10, icy_road 101-51,
animals_warning 142-10, restrictions_end 282, right 209, left 209-10, straight 209-30, straight_right 214,
straight_left 214-10, right_obstacle 222, left_obstacle 222-10, roundabout 215, no_overtaking_end 280,
no_overtaking_heavy_end 281
"""
_DRAWN = """
102 108-10 110-10 201-50 224 237 239 240 241-30 242.1 244.1 245 251 254 255 259 260 262 264 265 274-10 274-40 274-90
274-110 274-130 274.1 274.2 283 286 307 314 325.1 325.2 330.1 330.2 331.1 331.2 350-10 357
"""

OTHER = "other_sign"
"""A traffic sign that has no class of its own."""
NOTHING = "background"
"""The last class: no traffic sign at all."""

CODES: dict[str, str] = {
    **{name: f"DE:{code}" for name, code in (pair.split() for pair in _GTSRB.split(","))},
    **{f"DE:{code}": f"DE:{code}" for code in _DRAWN.split()},
}
"""The official code of every class that is one sign, in the order of the classes; numbers in a sign are an
example's."""
CLASSES: tuple[str, ...] = (*CODES, OTHER, NOTHING)
"""All classes, as columns of :func:`steps.signs.judging.judge`."""
GTSRB_CLASSES = len(_GTSRB.split(","))
"""So many of the first classes are GTSRB's, by its numbers."""
