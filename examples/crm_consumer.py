"""A CRM's consumer of `outreach`: acts once for each id, on nothing that has expired, and takes back what is cancelled.

KAFKA_BOOTSTRAP_SERVERS=localhost:9092 python examples/crm_consumer.py crm.db [TOPIC]
"""

import json
import os
import sqlite3
import sys
from datetime import UTC, datetime

from kafka import KafkaConsumer

database = sqlite3.connect(sys.argv[1])
database.execute("CREATE TABLE IF NOT EXISTS tasks (id TEXT PRIMARY KEY, customer TEXT, state TEXT, event TEXT)")
consumer = KafkaConsumer(
    sys.argv[2] if len(sys.argv) > 2 else "outreach",
    bootstrap_servers=os.environ.get("KAFKA_BOOTSTRAP_SERVERS", "localhost:9092"),
    group_id="crm",
    isolation_level="read_committed",  # else you act on what is never decided
    auto_offset_reset="earliest",
    enable_auto_commit=False,
)
for record in consumer:
    event = json.loads(record.value or b"{}")
    data = event.get("data", {})
    with database:  # one transaction: what was done, and that it was done
        if event.get("type") == "outreach.requested" and not data.get("sample"):
            if datetime.fromisoformat(data["expires_at"]) <= datetime.now(UTC):
                continue  # read too late: the next commit passes over it
            row = (event["id"], data["customer_id"], "to do", json.dumps(event))
            database.execute("INSERT OR IGNORE INTO tasks VALUES (?, ?, ?, ?)", row)  # the same id again: nothing
        elif event.get("type") == "outreach.cancelled":
            database.execute("UPDATE tasks SET state = 'cancelled' WHERE id = ?", (data["cancelled_id"],))
    consumer.commit()
