"""What things look like: pictures of façades, vehicles, signs and so on, made once and used as textures."""
