"""Step ``position``: which detections are the same real object, and where it stands.

The data walks the files in this order: ``params`` (what a caller may set) -> ``accuracy`` (what recordings say of
their poses) -> ``rays`` (detections become rays) -> ``partners`` (whose rays are paired) -> ``candidates`` (pairs of
rays become points) -> ``support`` (which rays see a point) -> ``solve`` (the best points claim their rays) ->
``facing`` (from how many places, and from which side) -> ``refine`` (robust least squares) -> ``certainty`` (how well
a position is known) -> ``objects`` (the answer's items) -> ``core`` (which region keeps an object).

Where poses are poor, ``adjust`` corrects them by the objects, and the rays are associated anew: ``drive`` (what the
errors of neighbouring poses have in common) -> ``linear`` (views, linearised) -> ``joint`` (poses and objects together)
-> ``blocks`` (a region in pieces that can be solved). ``locate`` conducts them all and ``nearby`` is the neighbour
search they share.
"""
