"""A shop that tells its customers about each order by a webhook."""

import json
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

import asyncpg
from fastapi import Depends, FastAPI, HTTPException, Request
from pydantic import BaseModel


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    # statement_cache_size=0 is for PgBouncer in transaction mode.
    async with asyncpg.create_pool(
        os.environ["DATABASE_URL"], min_size=1, max_size=4, statement_cache_size=0
    ) as app.state.pool:
        yield


app = FastAPI(lifespan=lifespan)


async def transaction(request: Request) -> AsyncIterator[asyncpg.Connection]:
    """A transaction for one request. An error in the handler rolls it back."""
    async with request.app.state.pool.acquire() as conn, conn.transaction():
        yield conn


# With scope="function" the transaction ends before the answer is sent, so a 201 means committed.
Transaction = Annotated[asyncpg.Connection, Depends(transaction, scope="function")]


class NewOrder(BaseModel):
    customer: int
    total: Decimal
    card: str
    webhook_url: str


@app.post("/orders", status_code=201)
async def place_order(new: NewOrder, tx: Transaction) -> dict[str, Any]:
    """Inserts the order and its webhook in one transaction, and charges the card."""
    order = await tx.fetchval(
        "insert into orders (customer, total) values ($1, $2) returning id",
        new.customer,
        new.total,
    )
    webhook = await send(tx, new.webhook_url, {"type": "order.created", "order": order})
    if new.card == "declined":
        raise HTTPException(402, "The card was declined")
    return {"order": order, "webhook": webhook}


async def send(
    tx: asyncpg.Connection,
    url: str,
    body: Any,
    headers: Mapping[str, str] | None = None,
    secret: str | None = None,
    idempotency_key: str | None = None,
) -> UUID:
    """Inserts a webhook in the present transaction. None means the default."""
    return await tx.fetchval(
        """
        insert into posthorn.new_webhooks (url, body, headers, secret, idempotency_key)
        values ($1, $2, $3, $4, $5)
        on conflict do nothing
        returning id
        """,
        url,
        json.dumps(body),
        json.dumps(headers),
        secret,
        idempotency_key,
    )
