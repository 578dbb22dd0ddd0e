"""Many machines behind the seam: a Ray cluster whose nodes run tasks with this project's own runners.

Scheduler and journal stay at the head. Ray starts instances of steps, carries messages, and tells when something has
gone; it never tries anything again by itself, because attempts, resume and "published once" are the coordinator's.
"""
