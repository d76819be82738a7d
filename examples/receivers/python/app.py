"""Receives webhooks, and answers 401 to those that Posthorn did not send."""

import logging
import os

import uvicorn
from fastapi import FastAPI, HTTPException, Request
from standardwebhooks import Webhook, WebhookVerificationError

app = FastAPI()
log = logging.getLogger("uvicorn.error")
# No body that Posthorn sends is longer.
MAX_BYTES = 1024 * 1024
webhook = Webhook(os.environ["WEBHOOK_SECRET"])


@app.post("/hooks", status_code=204)
async def receive(request: Request) -> None:
    body = await raw_body(request)
    try:
        webhook.verify(body, dict(request.headers))
    except (WebhookVerificationError, ValueError) as error:
        # ValueError: the header webhook-signature, or the body, is no such thing at all.
        raise HTTPException(401, "The signature is wrong") from error
    # Drop duplicates by the header webhook-id, in the transaction that does the work.
    log.info("received %s", request.headers["webhook-id"])


async def raw_body(request: Request) -> bytes:
    """The body as it came: what is signed is the bytes, not the JSON."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BYTES:
            raise HTTPException(413, "The body is too long")
    return bytes(body)


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ["PORT"]))
