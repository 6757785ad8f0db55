"""A shop's producer: a purchase, an answer to a survey, and what is known of the customer.

KAFKA_BOOTSTRAP_SERVERS=localhost:9092 python examples/producer.py [PREFIX_OF_TOPICS]
"""

import json
import os
import sys
from datetime import UTC, datetime

from kafka import KafkaProducer


def now() -> str:
    return datetime.now(UTC).isoformat()


def purchase(customer_id: str, order_id: str, amount: str) -> dict:
    """`event_id` names this event for good: sent again after an error it counts once. An amount as text is exact."""
    items = [{"sku": "flat-white", "name": "Flat white", "quantity": 1, "amount": amount}]
    about = {"event_id": f"order-{order_id}", "customer_id": customer_id, "occurred_at": now()}
    return {
        **about,
        "amount": amount,
        "currency": "EUR",
        "order_id": order_id,
        "store_id": "main-street",
        "items": items,
    }


def answer(customer_id: str, order_id: str, score: int) -> dict:
    about = {"event_id": f"nps-{order_id}", "customer_id": customer_id, "occurred_at": now()}
    return {**about, "survey": "nps", "score": score, "order_id": order_id}


def profile(customer_id: str, version: int) -> dict:
    """Only what changed has to be said; without `marketing_consent: true` nobody is written to."""
    about = {"event_id": f"profile-{customer_id}-{version}", "customer_id": customer_id, "occurred_at": now()}
    contact = {"email": "zoe@example.com", "phone": "+33 1 23 45 67 89", "crm_id": "4711"}
    said = {"first_name": "Zoë", "locale": "fr-FR", "timezone": "Europe/Paris", "marketing_consent": True}
    return {**about, "kind": "profile", "contact": contact, **said}


if __name__ == "__main__":
    prefix = sys.argv[1] if len(sys.argv) > 1 else ""
    producer = KafkaProducer(
        bootstrap_servers=os.environ.get("KAFKA_BOOTSTRAP_SERVERS", "localhost:9092"),
        acks="all",
        enable_idempotence=True,
        value_serializer=lambda event: json.dumps(event).encode(),
    )
    events = {
        "customers": profile("c-1", 1),
        "purchases": purchase("c-1", "2041", "3.80"),
        "surveys": answer("c-1", "2041", 9),
    }
    sent = [producer.send(prefix + topic, event, event["customer_id"].encode()) for topic, event in events.items()]
    for future in sent:
        future.get(timeout=30)  # raises where the broker did not take it
    producer.close()
    print(f"{len(sent)} events sent")
