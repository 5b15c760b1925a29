from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    # Deliveries go on while the index is built.
    atomic = False

    dependencies = [
        ("webhooks", "0005_event_queues"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="webhookevent",
            index=models.Index(
                condition=models.Q(("due_at__isnull", False)),
                fields=["is_urgent", "queue", "due_at", "id"],
                name="webhook_event_queue",
            ),
        ),
        RemoveIndexConcurrently(
            model_name="webhookevent",
            name="webhook_event_due",
        ),
    ]
