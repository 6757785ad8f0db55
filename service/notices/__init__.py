"""What the shop is told when one of its numbers has gone too far.

The numbers of a period are sums over all partitions, so nobody who owns one partition may say that retention has
fallen. Who says it is who writes the sums: the worker that owns partition 0 adds the ledgers of all partitions up and
writes `period-metrics` under a transactional id of the group (streaming/period_totals.py). A notice goes out in the
same transaction as the numbers it rests on: exactly once, and never from a worker that was fenced. What has been told
is read back from `shop-notices` itself by whoever comes next.

A period is looked at when every partition has come past its end, and `notices.wait_days` more.
"""
