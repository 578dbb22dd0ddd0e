"""``python -m images.render``."""

from images.render.municipality import main

if __name__ == "__main__":
    main()
