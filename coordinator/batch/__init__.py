"""What the user brings: a folder of photographs with its tables, read as recordings and regions."""
