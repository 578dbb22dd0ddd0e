"""What a run over a municipality would take, on machines that one has not got yet: the scheduler, played on a clock.

measured                   what tasks cost in runs that were made: their journals, read
machines                   the machines that there are to choose from: a YAML file, checked
town                       a municipality of so many recordings, made of the regions that were measured
memory, watch              what the scheduler is given in place of a journal, files and a person who looks on
agenda                     the clock, and what happens when
clockwork, machine         the executor behind the seam: machines that come, go and are lost, in simulated time
cluster, rooms, pools      a Ray cluster as a run found it; its executor over a Ray that is only played
play                       one play from its first task to its last, and its figures
front, choice              time against cost over numbers of machines; the point that is asked for, its thresholds
table, picture             what is told of it
"""
