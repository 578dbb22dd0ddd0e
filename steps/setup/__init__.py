"""The set-up: a container engine (engine.sh), a virtual environment (venv.sh), the steps' container images.

`python -m steps.setup` builds the images. It is not a step itself and is in no step's image.
"""
