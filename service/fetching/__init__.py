"""What brokers hand out, read so that nothing in it can stop a reader or eat its memory.

The ordinary batch goes through aiokafka's compiled reader. What is compressed is unpacked first, within bounds; where a
batch is not what it should be, it is read record by record (lenient.py), and what cannot be read comes out as a
`SetAside`: where it lies, how large it is, what is wrong with it.
"""

from service.fetching.fetcher import CarefulFetcher, KeepingClient
from service.fetching.modest import ModestClient
from service.fetching.reading import Limits, Taken
from service.fetching.set_aside import OnSetAside, SetAside, pass_over

__all__ = ["CarefulFetcher", "KeepingClient", "Limits", "ModestClient", "OnSetAside", "SetAside", "Taken", "pass_over"]
