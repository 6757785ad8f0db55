"""From an `outreach.requested` to the message that arrives: `churn-alert deliver`, a process of its own.

One kind of channel a file (`smtp.py`) over `channel.py`. What is open and what was done with it is pure (`desk.py`,
`memory.py`, `gate.py`, `standings.py`, `pace.py`); `partition.py` puts the steps into their order, and `process.py` is
the consumer around it.

The guarantee, in one place. For each attempt the topic `deliveries` says `attempted` before the channel is spoken to,
and how it ended after. Whoever takes over a partition reads that memory first. An id with an end is never sent again.
An id that is `attempted` without an end is one whose deliverer died in between: nobody can know whether the other side
took it, so it is sent again, with the same Message-ID. At most `deliver.in_flight` ids of a partition are in that state
at any time.
"""
