import django.db.models.fields.json
import django.db.models.functions.comparison
import django.db.models.functions.text
from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    # Deliveries go on while the index is built.
    atomic = False

    dependencies = [
        ('webhooks', '0006_event_queue_index'),
    ]

    operations = [
        RemoveIndexConcurrently(
            model_name='webhookevent',
            name='webhook_event_organization',
        ),
        AddIndexConcurrently(
            model_name='webhookevent',
            index=models.Index(django.db.models.functions.text.Left(django.db.models.functions.comparison.Coalesce(django.db.models.fields.json.KeyTextTransform('organization_id', django.db.models.fields.json.KeyTextTransform('data', 'payload')), django.db.models.fields.json.KeyTextTransform('organization_id', django.db.models.fields.json.KeyTextTransform('connection', django.db.models.fields.json.KeyTextTransform('data', 'payload'))), django.db.models.fields.json.KeyTextTransform('organization_id', django.db.models.fields.json.KeyTextTransform('group', django.db.models.fields.json.KeyTextTransform('data', 'payload'))), django.db.models.fields.json.KeyTextTransform('organization_id', django.db.models.fields.json.KeyTextTransform('organization_domain', django.db.models.fields.json.KeyTextTransform('data', 'payload'))), django.db.models.fields.json.KeyTextTransform('organization_id', django.db.models.fields.json.KeyTextTransform('sso', django.db.models.fields.json.KeyTextTransform('data', 'payload'))), django.db.models.fields.json.KeyTextTransform('id', django.db.models.fields.json.KeyTextTransform('data', 'payload'))), 64), models.F('id'), name='webhook_event_organization'),
        ),
    ]
