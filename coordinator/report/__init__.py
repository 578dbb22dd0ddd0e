"""``report.html``: one file that shows a run's map, its objects for review, and how the run went.

``gather`` reads the run folder, ``model`` and ``timeline`` are what it says, ``crops`` cuts the objects out of their
photographs, ``document`` makes one self-contained page of it all, ``written`` puts it into the run folder.
"""
