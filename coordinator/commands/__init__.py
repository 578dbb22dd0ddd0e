"""What the user types, one module a command: its options, what it does and what it prints.

run, validate             a pipeline over a batch, or a look at both; dryrun is the run as a shell script
status, retry, replay     a run afterwards: what it has come to, its failures again, one of them by hand
score, schema             results against a truth; the step contract
doctor, clean             this machine
check_step, bench, serve  the doors to checkstep/, bench/ and service/

What several commands need lies in arguments (options), running (a run to its end) and streams.
"""
