import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):
    # No row is written: the columns have constant defaults, which PostgreSQL stores once. Events that are due
    # share the blank queue until they are applied.

    dependencies = [
        ("webhooks", "0004_event_source"),
    ]

    operations = [
        migrations.CreateModel(
            name="EventBatch",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("event", models.CharField(max_length=255)),
                (
                    "event_keys",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.BigIntegerField(), help_text="Primary keys of the events.", size=None
                    ),
                ),
                ("claimed_at", models.DateTimeField()),
                ("leased_until", models.DateTimeField()),
            ],
            options={
                "verbose_name_plural": "event batches",
            },
        ),
        migrations.AddField(
            model_name="webhookevent",
            name="is_urgent",
            field=models.BooleanField(
                db_default=False, default=False, help_text="Whether it goes before what a first sync sends."
            ),
        ),
        migrations.AddField(
            model_name="webhookevent",
            name="queue",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                help_text="Its organization or directory: a worker takes a share of each.",
                max_length=64,
            ),
        ),
        migrations.AlterField(
            model_name="webhookevent",
            name="unfinished_attempts",
            field=models.PositiveIntegerField(
                default=0, help_text="Attempts since the last outcome in which the worker died."
            ),
        ),
    ]
