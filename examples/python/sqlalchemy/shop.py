"""A shop that tells its customers about each order by a webhook."""

import os
from decimal import Decimal
from uuid import UUID

from models import Order, Webhook
from sqlalchemy import create_engine, make_url
from sqlalchemy.orm import Session

engine = create_engine(
    make_url(os.environ["DATABASE_URL"]).set(drivername="postgresql+psycopg"),
    # Without this, SQLAlchemy's errors show the values of a failed INSERT, secrets included.
    hide_parameters=True,
    # For PgBouncer older than 1.21, which does not know prepared statements.
    connect_args={"prepare_threshold": None},
)


def place_order(session: Session, customer: int, total: Decimal, url: str) -> UUID:
    """Adds the order and its webhook to the session's transaction. Returns the webhook's id."""
    order = Order(customer=customer, total=total)
    session.add(order)
    session.flush()
    webhook = Webhook(url=url, body={"type": "order.created", "order": order.id})
    session.add(webhook)
    session.flush()
    return webhook.id
