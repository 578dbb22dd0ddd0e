"""The imaging step: resize, split and blur, in any order and number, then written as jpg or png.

image.py        what an image is here, and how large it may be
reading.py      a photograph, or what an earlier task left -> image
orientation.py  EXIF turned into an upright image                     pure
resize.py       one operation each                                    pure
split.py
blur.py
write.py        image -> file
plan.py         parameters -> operations, and one image through them  pure
allocator.py    what makes a kept process fast
"""
