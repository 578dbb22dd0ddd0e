"""The results as a GIS takes them: one GeoPackage with layers and their styles."""
