"""The weekly letter to the shop: the numbers of its page, and the people worth a call, as text and HTML.

Made from the compacted topics alone (`period-metrics`, `customer-scores`), so that it needs no worker that runs, and
tells what page and API tell.
"""
