"""The shop's table, and the two views by which it sends webhooks and publishes events."""

from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, BigInteger, FetchedValue, Identity, Numeric, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


class Order(Base):
    __tablename__ = "orders"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    customer: Mapped[int]
    total: Mapped[Decimal] = mapped_column(Numeric(12, 2))


class Webhook(Base):
    """Insert-only. None means the default."""

    __tablename__ = "new_webhooks"
    __table_args__ = {"schema": "posthorn"}

    # Posthorn makes the id, and SQLAlchemy reads it back.
    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=FetchedValue())
    url: Mapped[str | None] = mapped_column(Text)
    body: Mapped[Any] = mapped_column(JSON)
    headers: Mapped[dict[str, str] | None] = mapped_column(JSONB)
    secret: Mapped[str | None] = mapped_column(Text)
    idempotency_key: Mapped[str | None] = mapped_column(Text)


class Event(Base):
    """Insert-only. Each endpoint of the tenant that subscribes to the type gets a webhook."""

    __tablename__ = "new_events"
    __table_args__ = {"schema": "posthorn"}

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=FetchedValue())
    tenant: Mapped[str | None] = mapped_column(Text)
    event_type: Mapped[str] = mapped_column(Text)
    body: Mapped[Any] = mapped_column(JSON)
    idempotency_key: Mapped[str | None] = mapped_column(Text)
