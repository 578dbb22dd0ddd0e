"""How one task runs: the only room that knows the container engine.

fresh     one container per task               (fresh.py)
exec      one container, a process per task    (execute.py)
resident  one container, one process           (resident.py, on lane.py)
process   no container, a local process        (process.py, on lane.py)
"""
