"""The detect step: a photograph -> rectangles around the traffic signs in it, by colour and shape."""
