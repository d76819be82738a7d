"""A shop that tells its customers about each order by a webhook."""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb


def place_order(conn: psycopg.Connection, customer: int, total: Decimal, url: str) -> UUID:
    """Inserts the order and its webhook in one transaction. Returns the webhook's id."""
    with conn.transaction():
        order = conn.execute(
            "insert into orders (customer, total) values (%s, %s) returning id",
            (customer, total),
        ).fetchone()[0]
        return send(conn, url, {"type": "order.created", "order": order})


def send(
    conn: psycopg.Connection,
    url: str,
    body: Any,
    headers: Mapping[str, str] | None = None,
    secret: str | None = None,
    idempotency_key: str | None = None,
) -> UUID:
    """Inserts a webhook in the present transaction. None means the default."""
    return conn.execute(
        """
        insert into posthorn.new_webhooks (url, body, headers, secret, idempotency_key)
        values (%s, %s, %s, %s, %s)
        on conflict do nothing
        returning id
        """,
        (url, json.dumps(body), Jsonb(headers), secret, idempotency_key),
    ).fetchone()[0]


def publish(conn: psycopg.Connection, tenant: str, event_type: str, body: Any) -> UUID:
    """Publishes an event: each endpoint of the tenant that subscribes to it gets a webhook."""
    return conn.execute(
        """
        insert into posthorn.new_events (tenant, event_type, body)
        values (%s, %s, %s)
        returning id
        """,
        (tenant, event_type, json.dumps(body)),
    ).fetchone()[0]


def send_many(conn: psycopg.Connection, url: str, bodies: list[Any]) -> None:
    """Sends thousands at once: COPY into the table behind the view is the fastest way."""
    with conn.transaction(), conn.cursor() as cursor:
        with cursor.copy("copy posthorn.outbox (url, body) from stdin") as copy:
            for body in bodies:
                copy.write_row((url, json.dumps(body)))
