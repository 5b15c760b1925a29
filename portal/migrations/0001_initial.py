import django.contrib.postgres.fields
import django.db.models.deletion
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('enterprises', '0001_initial'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='PortalSession',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('nonce', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ('intent', models.CharField(choices=[('sso', 'Single Sign-On'), ('dsync', 'Directory Sync'), ('audit_logs', 'Audit Logs'), ('log_streams', 'Log Streams'), ('domain_verification', 'Domain Verification'), ('certificate_renewal', 'Certificate Renewal'), ('bring_your_own_key', 'Bring Your Own Key')], max_length=32)),
                ('outcome', models.CharField(choices=[('requested', 'Requested'), ('interrupted', 'Interrupted before WorkOS answered'), ('opened', 'Opened'), ('refused', 'Refused'), ('unavailable', 'WorkOS not reachable')], default='requested', max_length=16)),
                ('reference', models.CharField(blank=True, max_length=8)),
                ('client_ip', models.GenericIPAddressField(null=True, verbose_name='IP address')),
                ('launched_at', models.DateTimeField()),
                ('presses', models.PositiveSmallIntegerField(default=1, help_text='How often its button was pressed.')),
                ('returned_at', models.DateTimeField(null=True)),
                ('finished_at', models.DateTimeField(help_text='WorkOS sent them to the success address.', null=True)),
                ('enterprise', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='enterprises.enterprise')),
                ('user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'indexes': [models.Index(fields=['enterprise', '-launched_at'], name='portal_session_newest'), models.Index(condition=models.Q(('outcome', 'requested')), fields=['launched_at'], name='portal_session_requested')],
                'constraints': [models.CheckConstraint(condition=models.Q(('outcome__in', ['requested', 'interrupted', 'opened', 'refused', 'unavailable'])), name='portal_session_outcome_is_known')],
            },
        ),
        migrations.CreateModel(
            name='SetupLink',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('contact_id', models.CharField(blank=True, max_length=64)),
                ('email', models.EmailField(max_length=254)),
                ('intents', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(choices=[('sso', 'Single Sign-On'), ('dsync', 'Directory Sync'), ('audit_logs', 'Audit Logs'), ('log_streams', 'Log Streams'), ('domain_verification', 'Domain Verification'), ('certificate_renewal', 'Certificate Renewal'), ('bring_your_own_key', 'Bring Your Own Key')], max_length=32), size=None)),
                ('state', models.CharField(choices=[('requested', 'Requested'), ('sent', 'Sent'), ('failed', 'Not sent'), ('revoked', 'Revoked')], default='requested', max_length=16)),
                ('requested_at', models.DateTimeField()),
                ('expires_at', models.DateTimeField()),
                ('revoked_at', models.DateTimeField(null=True)),
                ('enterprise', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='enterprises.enterprise')),
                ('sent_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'indexes': [models.Index(fields=['enterprise', '-requested_at'], name='setup_link_newest')],
                'constraints': [models.CheckConstraint(condition=models.Q(('state__in', ['requested', 'sent', 'failed', 'revoked'])), name='setup_link_state_is_known')],
            },
        ),
    ]
