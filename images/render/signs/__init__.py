"""The faces of 43 German traffic signs, and the drawing board that they are drawn on."""
