"""A group's state, carried: into a file and back, to another group or cluster, over more partitions, or away.

Everything here asks that nobody works on the state meanwhile (idle.py). What a group holds is read partition by
partition (reading.py), kept as a file (archive.py), divided where there are more partitions (domain/dividing.py), and
written where nothing lies yet (writing.py). exporting.py, importing.py, repartitioning.py and resetting.py put the
steps together; each ends with a state that is whole, or with none.
"""
