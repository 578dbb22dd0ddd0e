"""The image service: the steps of ``steps/imaging`` over HTTP. Jobs are runs, on one pool of warm workers.

options, settings            what the operator chose
orders, naming, stages       what is asked, what it is called, how it is done: pure
sizes, outcome, rasters, costs, budget what will become of an image, what that costs, and what is refused: pure
room, multipart, uploads, photographs, intake from a body to files that were looked at, and a job
jobs, store, published       a job; the data folder, and what of it is seen
registry, registryfile       what was accepted and what became of it
acceptlog, writing, securing how that survives the process, and the machine
ageing, sweeper              how long it is kept
rotation, floor, pool, overdue the workers that all jobs share
execution, single, told      a job as a run, or as a single task; what is told of failures
driver                       a job taken to its end
places, turns, manager, resuming who is let in, and when; all jobs, and which thread may do what with them
rendered/                    pictures by URL, which are no jobs
app, direct, routes, answers HTTP; schemas is what its document says, metrics what Prometheus is told
command, warmup              the process around it all
"""
