"""How a scene becomes a picture: rasters, camera models and what a camera adds to what it sees."""
