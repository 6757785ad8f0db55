"""Customers who are long lost, in a few dozen bytes each, exact on their return.

record.py says how a customer is packed, shelves.py where the packed ones lie in memory, attic.py who is there and who
has left memory altogether, may_hold.py of whom it is sure that they have not.
"""
