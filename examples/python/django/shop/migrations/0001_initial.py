import shop.models
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Event",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        db_default=shop.models.UuidV7(), primary_key=True, serialize=False
                    ),
                ),
                ("tenant", models.TextField(null=True)),
                ("event_type", models.TextField()),
                ("body", models.JSONField()),
                ("idempotency_key", models.TextField(null=True)),
            ],
            options={"db_table": 'posthorn"."new_events', "managed": False},
        ),
        migrations.CreateModel(
            name="Webhook",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        db_default=shop.models.UuidV7(), primary_key=True, serialize=False
                    ),
                ),
                ("url", models.TextField(null=True)),
                ("body", models.JSONField()),
                ("headers", models.JSONField(null=True)),
                ("secret", models.TextField(null=True)),
                ("idempotency_key", models.TextField(null=True)),
            ],
            options={"db_table": 'posthorn"."new_webhooks', "managed": False},
        ),
        migrations.CreateModel(
            name="Order",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("customer", models.IntegerField()),
                ("total", models.DecimalField(decimal_places=2, max_digits=12)),
            ],
            options={"db_table": "orders"},
        ),
    ]
