"""What messages have brought: sums of both arms, and what follows from them.

`sums` (exact, mergeable) → `measured` (rates, differences with their intervals, what came on top, or how many people
are lacking), by the arithmetic of `intervals` and `power`.
"""
