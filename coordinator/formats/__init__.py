"""The files that people have: a pure reader for each format, all giving the same rows, detections or tracks."""
