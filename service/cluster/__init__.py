"""What lies in the Kafka cluster, and what is known of it.

Which topics there must be and with what (topic_plan.py), what differs (topic_problems.py), making, changing and
checking them (topics.py). Of each log: by which id it is known and whether it was made anew (topic_ids.py,
known_logs.py), where it ends and how fresh that is (log_ends.py), what of it was lost (gaps.py). By which function
keys belong to partitions (partitioner.py) and who must be carried to another (placement.py). tail.py reads a topic to
its end.
"""
