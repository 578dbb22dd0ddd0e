"""Building the container images of the steps, and of the image service's parts: `coordinator images build`.

It is not a step itself and is in no step's image.
"""
