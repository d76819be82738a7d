"""The shop's table, and the two views by which it sends webhooks and publishes events."""

from django.db import models
from django.db.models import Func


class UuidV7(Func):
    """Posthorn makes the id. Because of this default, Django reads it back."""

    function = "posthorn.uuid_v7"
    arity = 0
    output_field = models.UUIDField()


class Order(models.Model):
    customer = models.IntegerField()
    total = models.DecimalField(max_digits=12, decimal_places=2)

    class Meta:
        db_table = "orders"


class Webhook(models.Model):
    """Insert-only. None means the default."""

    id = models.UUIDField(primary_key=True, db_default=UuidV7())
    url = models.TextField(null=True)
    body = models.JSONField()
    headers = models.JSONField(null=True)
    secret = models.TextField(null=True)
    idempotency_key = models.TextField(null=True)

    class Meta:
        # Django puts the name between quotes: "posthorn"."new_webhooks".
        db_table = 'posthorn"."new_webhooks'
        # `posthorn migrate` makes it: Django's migrations must not.
        managed = False


class Event(models.Model):
    """Insert-only. Each endpoint of the tenant that subscribes to the type gets a webhook."""

    id = models.UUIDField(primary_key=True, db_default=UuidV7())
    tenant = models.TextField(null=True)
    event_type = models.TextField()
    body = models.JSONField()
    idempotency_key = models.TextField(null=True)

    class Meta:
        db_table = 'posthorn"."new_events'
        managed = False
