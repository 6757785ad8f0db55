"""What each kind of event does to the customer it is about: a file a kind, and what all of them leave behind.

engine.py hands each event to the one who knows it. Time moves first (timeline.py); customers are found and made in
presence.py; what is learned, decided and counted is told by the rooms that these tell.
"""
