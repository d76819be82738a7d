"""Receives webhooks, and answers 401 to those that Posthorn did not send."""

import logging
import os

import uvicorn
from fastapi import FastAPI, HTTPException, Request
from standardwebhooks import Webhook, WebhookVerificationError

app = FastAPI()
log = logging.getLogger("uvicorn.error")
webhook = Webhook(os.environ["WEBHOOK_SECRET"])


@app.post("/hooks", status_code=204)
async def receive(request: Request) -> None:
    # The body as it came: what is signed is the bytes, not the JSON.
    body = await request.body()
    try:
        event = webhook.verify(body, dict(request.headers))
    except (WebhookVerificationError, ValueError) as error:
        # ValueError: the header webhook-signature, or the body, is no such thing at all.
        raise HTTPException(401, "The signature is wrong") from error
    # Drop duplicates by the header webhook-id, in the transaction that does the work.
    log.info("received %s %s", request.headers["webhook-id"], event)


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ["PORT"]))
