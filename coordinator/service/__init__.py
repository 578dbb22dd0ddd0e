"""The image service: the steps of ``steps/imaging`` over HTTP. Jobs are runs, on one pool of warm workers.

flags, settings    what the operator chose              orders, naming, stages   pure: what is asked, how it is done
uploads            multipart to files                   photographs              what a file is, before any work
jobs, registry     what was accepted, and what became   store                    the data folder
rotation, pool     workers that all jobs share          execution, manager       a job as a run; all jobs
app, answers       HTTP                                 command                  the process around it all
"""
