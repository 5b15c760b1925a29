from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='Secret',
            fields=[
                ('name', models.CharField(max_length=32, primary_key=True, serialize=False)),
                ('last_used_at', models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name='RefusalCount',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('reason', models.CharField(choices=[('missing_header', 'the WorkOS-Signature header is missing'), ('malformed_header', 'the WorkOS-Signature header is malformed'), ('no_secret_matches', 'no secret matches the signature'), ('too_old', 'it was signed too long ago'), ('in_the_future', 'it was signed in the future'), ('too_large', 'it is too large'), ('not_an_event', 'it is signed, but not an event'), ('cut_off', 'its body was incomplete'), ('source_not_allowed', 'its IP address is not allowed')], max_length=32)),
                ('slot', models.PositiveSmallIntegerField()),
                ('minute', models.DateTimeField()),
                ('count', models.PositiveBigIntegerField()),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('reason', 'slot'), name='refusal_count_once_per_reason_and_slot'), models.CheckConstraint(condition=models.Q(('reason__in', ['missing_header', 'malformed_header', 'no_secret_matches', 'too_old', 'in_the_future', 'too_large', 'not_an_event', 'cut_off', 'source_not_allowed'])), name='refusal_count_reason_is_known'), models.CheckConstraint(condition=models.Q(('slot__gte', 0), ('slot__lt', 4320)), name='refusal_count_slot_is_in_the_ring')],
            },
        ),
        migrations.CreateModel(
            name='RefusalSample',
            fields=[
                ('reason', models.CharField(choices=[('missing_header', 'the WorkOS-Signature header is missing'), ('malformed_header', 'the WorkOS-Signature header is malformed'), ('no_secret_matches', 'no secret matches the signature'), ('too_old', 'it was signed too long ago'), ('in_the_future', 'it was signed in the future'), ('too_large', 'it is too large'), ('not_an_event', 'it is signed, but not an event'), ('cut_off', 'its body was incomplete'), ('source_not_allowed', 'its IP address is not allowed')], max_length=32, primary_key=True, serialize=False)),
                ('refused_at', models.DateTimeField()),
                ('issued_at', models.DateTimeField(help_text='When it was signed, if the signature was valid.', null=True)),
                ('header_length', models.PositiveIntegerField(null=True)),
                ('body_length', models.PositiveBigIntegerField(help_text='Bytes announced or read.', null=True)),
                ('detail', models.CharField(blank=True, help_text='What was wrong, in our words.', max_length=100)),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('reason__in', ['missing_header', 'malformed_header', 'no_secret_matches', 'too_old', 'in_the_future', 'too_large', 'not_an_event', 'cut_off', 'source_not_allowed'])), name='refusal_sample_reason_is_known')],
            },
        ),
        migrations.CreateModel(
            name='UnreadableDelivery',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('received_at', models.DateTimeField()),
                ('issued_at', models.DateTimeField(help_text='When it was signed.')),
                ('secret_name', models.CharField(blank=True, help_text='The secret that verified it.', max_length=32)),
                ('detail', models.CharField(help_text='Why it is not an event, in our words.', max_length=100)),
                ('body_length', models.PositiveBigIntegerField(help_text='Bytes that were sent.')),
                ('body', models.TextField(blank=True, help_text='The beginning of its body.')),
            ],
            options={
                'verbose_name_plural': 'unreadable deliveries',
                'indexes': [models.Index(fields=['received_at', 'id'], name='unreadable_delivery_received')],
            },
        ),
        migrations.CreateModel(
            name='WebhookEvent',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('event_id', models.CharField(max_length=255)),
                ('event', models.CharField(max_length=255)),
                ('issued_at', models.DateTimeField()),
                ('created_at', models.DateTimeField(null=True)),
                ('received_at', models.DateTimeField()),
                ('payload', models.JSONField()),
                ('secret_name', models.CharField(blank=True, help_text='The secret that verified it. Blank if it was read from the API.', max_length=32)),
                ('status', models.CharField(choices=[('waiting', 'Waiting'), ('applied', 'Applied'), ('stale', 'Stale: older than what we have'), ('ignored', 'Ignored'), ('failed', 'Failed')], default='waiting', max_length=16)),
                ('reason', models.TextField(blank=True, help_text='Why it failed, was ignored or is still waiting.')),
                ('data_problems', models.TextField(blank=True, db_default='', default='', help_text='What in its data could not be used as it was sent.')),
                ('attempts', models.PositiveIntegerField(default=0)),
                ('unfinished_attempts', models.PositiveIntegerField(default=0, help_text='Attempts since the last outcome: a worker has claimed it, or died with it.')),
                ('due_at', models.DateTimeField(help_text='When a worker applies it. Empty when none will.', null=True)),
                ('awaited_organization_id', models.CharField(blank=True, help_text='The organization that it waits for, which we do not know yet.', max_length=64)),
                ('applied_at', models.DateTimeField(null=True)),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('due_at__isnull', False)), fields=['due_at', 'id'], name='webhook_event_due'), models.Index(condition=models.Q(('due_at__isnull', False), ('unfinished_attempts__gt', 0)), fields=['due_at', 'id'], name='webhook_event_suspect'), models.Index(condition=models.Q(('awaited_organization_id', ''), _negated=True), fields=['awaited_organization_id'], name='webhook_event_awaits'), models.Index(condition=models.Q(('status', 'applied'), _negated=True), fields=['status', 'id'], name='webhook_event_status'), models.Index(condition=models.Q(('data_problems', ''), _negated=True), fields=['received_at'], name='webhook_event_data_problems'), models.Index(fields=['event', 'id'], name='webhook_event_event'), models.Index(fields=['received_at'], name='webhook_event_received')],
                'constraints': [models.UniqueConstraint(fields=('event_id',), name='webhook_event_is_recorded_once'), models.CheckConstraint(condition=models.Q(('status__in', ['waiting', 'applied', 'stale', 'ignored', 'failed'])), name='webhook_event_status_is_known')],
            },
        ),
    ]
