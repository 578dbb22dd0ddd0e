"""The image service: the steps of ``steps/imaging`` over HTTP. Jobs are runs, on one pool of warm workers.

options, settings            what the operator chose
orders, naming, stages       what is asked, what it is called, how it is done: pure
uploads, photographs, intake from a body to files that were looked at, and a job
jobs, registry, store        what was accepted and what became of it; the data folder
rotation, pool               the workers that all jobs share
execution, driver            a job as a run, and taken to its end
places, manager              who is let in; all jobs, and which thread may do what with them
app, routes, answers         HTTP; schemas is what its document says, metrics and measuring what Prometheus is told
command, warmup              the process around it all
"""
