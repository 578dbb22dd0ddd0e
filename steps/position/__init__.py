"""Step ``position``: which detections are the same real object, and where it stands.

The data walks the files in this order: ``params`` (what a caller may set) -> ``rays`` (detections become rays)
-> ``partners`` (whose rays are paired) -> ``candidates`` (pairs of rays become points) -> ``support`` (which rays
see a point) -> ``solve`` (the best points claim their rays) -> ``refine`` (robust least squares) -> ``objects`` (the
answer's items) -> ``core`` (which region keeps an object); ``locate`` conducts them and ``nearby`` is the neighbour
search they share.
"""
