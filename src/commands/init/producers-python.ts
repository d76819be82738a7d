// Pure: no I/O, no clock, no randomness.

import { about, databaseUrl, hook, type PlannedProducer, program, yours } from './producer.ts';

const path = 'posthorn/first_webhook.py';

const settings = `database_url = os.environ.get("DATABASE_URL", "${databaseUrl}")
url = os.environ.get("WEBHOOK_URL", "${hook}")`;

export const pythonProducers = {
  psycopg: (): PlannedProducer =>
    program(
      path,
      `# ${about}
import json
import os

import psycopg

${settings}

with psycopg.connect(database_url) as connection, connection.transaction():
    # ${yours}
    (webhook_id,) = connection.execute(
        "select posthorn.enqueue(url => %s, body => %s)",
        (url, json.dumps({"type": "order.created", "id": 42})),
    ).fetchone()
print(f"Webhook {webhook_id} is on its way: npx posthorn show {webhook_id}")
`,
      `pip install 'psycopg[binary]' && python ${path}`,
    ),
  sqlalchemy: (): PlannedProducer =>
    program(
      path,
      `# ${about}
import json
import os
import re

from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session

${settings}
# SQLAlchemy wants the name of the driver as well: postgresql+psycopg or postgresql+psycopg2.
address = make_url(re.sub("^postgres(ql)?://", "postgresql+psycopg://", database_url))
engine = create_engine(address, hide_parameters=True)

with Session(engine) as session, session.begin():
    # ${yours}
    webhook_id = session.scalar(
        text("select posthorn.enqueue(url => :url, body => :body)"),
        {"url": url, "body": json.dumps({"type": "order.created", "id": 42})},
    )
print(f"Webhook {webhook_id} is on its way: npx posthorn show {webhook_id}")
`,
      `pip install 'psycopg[binary]' && python ${path}`,
    ),
  django: (): PlannedProducer =>
    program(
      'posthorn_webhooks/management/commands/first_webhook.py',
      `# ${about}
import json
import os

from django.core.management.base import BaseCommand
from django.db import connection, transaction


def enqueue(url, body):
    """Enqueues a webhook in the current transaction and returns its id."""
    with connection.cursor() as cursor:
        cursor.execute("select posthorn.enqueue(url => %s, body => %s)", [url, json.dumps(body)])
        return cursor.fetchone()[0]


class Command(BaseCommand):
    help = "Sends a webhook in a transaction."

    def handle(self, *args, **options):
        url = os.environ.get("WEBHOOK_URL", "${hook}")
        with transaction.atomic():
            # ${yours}
            webhook_id = enqueue(url, {"type": "order.created", "id": 42})
        self.stdout.write(f"Webhook {webhook_id} is on its way: npx posthorn show {webhook_id}")
`,
      'python manage.py first_webhook',
    ),
} as const;
