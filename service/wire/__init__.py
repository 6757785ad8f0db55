"""What records say: the bytes of a topic as events of the domain, and what the domain says as bytes of a topic.

`input_topics.py` is the one table of what comes in. `decoder.py` reads a record: what is exactly as we write it on a
short way (fast.py), all else within an envelope or frame (framing.py) by the contract's models (strict.py), or leaving
out what is optional and cannot be read (lenient.py). `encoder.py` writes decisions and outreach, score_records.py and
period_records.py the numbers. Nothing here speaks to Kafka.
"""
