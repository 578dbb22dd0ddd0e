"""The things of a town as textured rectangles, and the ground, sky and light around them."""
