from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    # Workers go on while the index is built.
    atomic = False

    dependencies = [
        ("outbox", "0002_claim_by_kind"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="task",
            index=models.Index(
                condition=models.Q(("error", ""), _negated=True),
                fields=["kind"],
                name="outbox_task_failing",
            ),
        ),
    ]
