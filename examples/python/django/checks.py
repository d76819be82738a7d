"""What examples/run.ts asks of this example: each argument is a check, each check prints a line."""

import json
import os
import sys
from decimal import Decimal
from io import StringIO
from uuid import uuid4

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import IntegrityError, transaction  # noqa: E402
from shop.models import Event, Webhook  # noqa: E402
from shop.orders import place_order  # noqa: E402

HOOK = os.environ["WEBHOOK_URL"]


class Cancelled(Exception):
    pass


def commit():
    return {"ids": [str(place_order(42, Decimal("99.50"), f"{HOOK}/commit"))]}


def rollback():
    try:
        with transaction.atomic():
            place_order(42, Decimal("99.50"), f"{HOOK}/rollback")
            raise Cancelled
    except Cancelled:
        return {}


def headers():
    with_one = Webhook.objects.create(
        url=f"{HOOK}/headers", body={"n": 1}, headers={"X-Shop": "a"}
    )
    without = Webhook.objects.create(url=f"{HOOK}/headers", body={"n": 2}, headers=None)
    return {"ids": [str(with_one.id), str(without.id)]}


def bulk():
    Webhook.objects.bulk_create(
        [Webhook(url=f"{HOOK}/bulk", body={"n": n}) for n in range(1000)]
    )
    return {"count": 1000}


def illegal():
    try:
        Webhook.objects.create(
            url="ftp://x", body={}, secret="whsec_dGhpcyBpcyBub3QgYSBzZWNyZXQhISE="
        )
    except IntegrityError as error:
        return {"constraint": error.__cause__.diag.constraint_name, "message": str(error)}


def key():
    values = {"url": f"{HOOK}/key", "body": {}, "idempotency_key": str(uuid4())}
    first = Webhook.objects.create(**values)
    # Django does not read back the ids of rows that it may ignore.
    Webhook.objects.bulk_create([Webhook(**values)], ignore_conflicts=True)
    again = Webhook.objects.create(**values)
    return {"ids": [str(first.id), str(again.id)]}


def event():
    created = Event.objects.create(tenant="acme", event_type="order.created", body={"order": 1})
    return {"ids": [str(created.id)]}


def migration():
    """The SQL of the migrations, which must be those that `makemigrations` would write."""
    new, sql = StringIO(), StringIO()
    call_command("makemigrations", dry_run=True, verbosity=3, stdout=new)
    if "No changes detected" not in new.getvalue():
        raise SystemExit(f"The models and their migrations differ: {new.getvalue()}")
    call_command("sqlmigrate", "shop", "0001", stdout=sql)
    return {"statements": [line for line in sql.getvalue().splitlines() if line[:2] != "--"]}


if __name__ == "__main__":
    # fake_initial: another example may have made the table orders.
    call_command("migrate", fake_initial=True, verbosity=0)
    for name in sys.argv[1:]:
        print(json.dumps({"check": name, **globals()[name]()}), flush=True)
