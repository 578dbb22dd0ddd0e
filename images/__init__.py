"""Sample municipalities: batches of photographs, drawn (``images.render``) or from public data (``images.kitti``).

An *image* is a photograph here as everywhere in the code; container images are called ``image_ref``.
"""
