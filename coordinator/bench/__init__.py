"""The benchmark: every way to run a task, and what people use instead, on the same tasks and in turns.

command.py     what was asked for -> what is measured -> what is written
workloads.py   the trivial step over invented recordings; a pipeline over a real batch
variants.py    the ways to run a workload: the rungs, and the baselines they are measured against
apiloop.py     the bare loop over the engine's API, the floor of the fresh rung
machine.py     seconds of CPU, bytes of memory, what the machine is
reading.py     what a run's journal says of its tasks
figures.py     medians, spreads, ratios; pure
isolationflags.py  what each isolation flag costs
scale.py       a table of a million recordings: the first task, memory, time per task
report.py      table, JSON and CSV
plot.py        the SVG
"""
