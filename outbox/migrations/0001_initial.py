import uuid
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='WorkerHeartbeat',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('host', models.CharField(max_length=255)),
                ('pid', models.PositiveIntegerField()),
                ('started_at', models.DateTimeField()),
                ('last_seen_at', models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name='Task',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(max_length=40)),
                ('subject', models.UUIDField()),
                ('key', models.CharField(blank=True, help_text='Tells tasks of one kind apart.', max_length=300)),
                ('arguments', models.JSONField(default=dict)),
                ('requests', models.PositiveIntegerField(default=0)),
                ('attempts', models.PositiveIntegerField(default=0)),
                ('error', models.TextField(blank=True, help_text='Why the last attempt failed.')),
                ('due_at', models.DateTimeField()),
                ('claimed_until', models.DateTimeField(null=True)),
                ('enqueued_at', models.DateTimeField(auto_now_add=True)),
            ],
            options={
                'indexes': [models.Index(fields=['due_at', 'id'], name='outbox_task_due'), models.Index(fields=['subject'], name='outbox_task_subject')],
                'constraints': [models.UniqueConstraint(fields=('kind', 'subject', 'key'), name='outbox_task_once_per_kind_subject_and_key')],
            },
        ),
    ]
