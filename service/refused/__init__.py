"""What could not be taken: kept, counted, found again, sent back.

A record that is wrong becomes a letter (dead_letters.py); what an error of our own stops at is tried again and then set
aside (quarantine.py); a source of which nearly everything is refused is not read on (floodgate.py); what was sent back
is remembered (retries.py).
"""
