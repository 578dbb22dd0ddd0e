"""The imaging step: resize, split, blur, fit and crop, in any order and number, then written as jpg, png or webp.

image.py        what an image is here, and how large it may be
reading.py      a photograph, or what an earlier task left -> image
photographs.py  a file's bytes -> image, upright and in sRGB
png.py          what of a PNG is the picture                          pure
colour.py       ICC profiles -> sRGB                                  pure
resize.py       one operation each                                    pure
split.py
crop.py
blur.py
transparency.py colours weighted by alpha, for those that mix them
write.py        image -> file
plan.py         parameters -> operations, and one image through them  pure
allocator.py    what makes a kept process fast
"""
