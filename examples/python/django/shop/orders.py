"""A shop that tells its customers about each order by a webhook."""

from decimal import Decimal
from uuid import UUID

from django.db import transaction

from .models import Order, Webhook


@transaction.atomic
def place_order(customer: int, total: Decimal, url: str) -> UUID:
    """Creates the order and its webhook in one transaction. Returns the webhook's id."""
    order = Order.objects.create(customer=customer, total=total)
    webhook = Webhook.objects.create(url=url, body={"type": "order.created", "order": order.id})
    return webhook.id
