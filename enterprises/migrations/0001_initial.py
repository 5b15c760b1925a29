import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.text
import enterprises.intents
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('mirror', '0001_initial'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Enterprise',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=150)),
                ('slug', models.SlugField(max_length=60, unique=True)),
                ('external_id', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ('environment', models.CharField(blank=True, choices=[('test', 'Staging (sk_test_…)'), ('live', 'Production (sk_live_…)')], editable=False, max_length=8)),
                ('requested_domains', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=253), blank=True, default=list, size=None)),
                ('intents', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(choices=[('sso', 'Single Sign-On'), ('dsync', 'Directory Sync'), ('audit_logs', 'Audit Logs'), ('log_streams', 'Log Streams'), ('domain_verification', 'Domain Verification'), ('certificate_renewal', 'Certificate Renewal'), ('bring_your_own_key', 'Bring Your Own Key')], max_length=32), blank=True, default=enterprises.intents.default_intents, help_text='What its plan includes. See enterprises.intents.', size=None)),
                ('attention', models.TextField(blank=True, editable=False, help_text='Why WorkOS refused to provision it.')),
                ('provisioning_since', models.DateTimeField(editable=False, null=True)),
                ('deprovisioned_at', models.DateTimeField(editable=False, null=True)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('organization', models.OneToOneField(editable=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='enterprise', to='mirror.organization')),
            ],
            options={
                'ordering': ['name'],
            },
        ),
        migrations.CreateModel(
            name='AccessGrant',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('user_id', models.BigIntegerField()),
                ('username', models.CharField(max_length=254)),
                ('role', models.CharField(blank=True, choices=[('it_admin', 'IT admin'), ('member', 'Member')], max_length=20)),
                ('enterprise', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='enterprises.enterprise')),
            ],
        ),
        migrations.CreateModel(
            name='Invitation',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('email', models.EmailField(max_length=254)),
                ('role', models.CharField(choices=[('it_admin', 'IT admin'), ('member', 'Member')], max_length=20)),
                ('token_hash', models.CharField(max_length=64, unique=True)),
                ('invited_by_name', models.CharField(max_length=420)),
                ('invited_at', models.DateTimeField()),
                ('expires_at', models.DateTimeField()),
                ('enterprise', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='invitations', to='enterprises.enterprise')),
                ('invited_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name='Membership',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('role', models.CharField(choices=[('it_admin', 'IT admin'), ('member', 'Member')], default='member', max_length=20)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('enterprise', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='memberships', to='enterprises.enterprise')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='enterprise_memberships', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name='Notification',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('about', models.CharField(max_length=120)),
                ('sent_at', models.DateTimeField()),
                ('enterprise', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='enterprises.enterprise')),
            ],
        ),
        migrations.CreateModel(
            name='RateLimitCount',
            fields=[
                ('key', models.CharField(max_length=120, primary_key=True, serialize=False)),
                ('count', models.PositiveIntegerField()),
                ('started_at', models.DateTimeField()),
            ],
            options={
                'indexes': [models.Index(fields=['started_at'], name='rate_limit_count_by_age')],
            },
        ),
        migrations.CreateModel(
            name='UndeliverableAddress',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('email', models.EmailField(max_length=254, unique=True)),
                ('reason', models.CharField(max_length=200)),
                ('refused_at', models.DateTimeField()),
            ],
            options={
                'verbose_name_plural': 'undeliverable addresses',
                'constraints': [models.CheckConstraint(condition=models.Q(('email', django.db.models.functions.text.Lower('email'))), name='undeliverable_address_email_is_lowercase')],
            },
        ),
        migrations.AddConstraint(
            model_name='enterprise',
            constraint=models.CheckConstraint(condition=models.Q(('environment__in', ['', 'test', 'live'])), name='enterprise_environment_is_known'),
        ),
        migrations.AddConstraint(
            model_name='enterprise',
            constraint=models.CheckConstraint(condition=models.Q(('intents__contained_by', ['sso', 'dsync', 'audit_logs', 'log_streams', 'bring_your_own_key'])), name='enterprise_intents_are_known'),
        ),
        migrations.AddConstraint(
            model_name='accessgrant',
            constraint=models.UniqueConstraint(fields=('enterprise', 'user_id'), name='access_grant_once_per_user'),
        ),
        migrations.AddConstraint(
            model_name='accessgrant',
            constraint=models.CheckConstraint(condition=models.Q(('role__in', ['', 'it_admin', 'member'])), name='access_grant_role_is_known'),
        ),
        migrations.AddConstraint(
            model_name='invitation',
            constraint=models.UniqueConstraint(fields=('enterprise', 'email'), name='invitation_once_per_address'),
        ),
        migrations.AddConstraint(
            model_name='invitation',
            constraint=models.CheckConstraint(condition=models.Q(('role__in', ['it_admin', 'member'])), name='invitation_role_is_known'),
        ),
        migrations.AddConstraint(
            model_name='invitation',
            constraint=models.CheckConstraint(condition=models.Q(('email', django.db.models.functions.text.Lower('email'))), name='invitation_email_is_lowercase'),
        ),
        migrations.AddConstraint(
            model_name='membership',
            constraint=models.UniqueConstraint(fields=('user', 'enterprise'), name='membership_once_per_enterprise'),
        ),
        migrations.AddConstraint(
            model_name='membership',
            constraint=models.CheckConstraint(condition=models.Q(('role__in', ['it_admin', 'member'])), name='membership_role_is_known'),
        ),
        migrations.AddConstraint(
            model_name='notification',
            constraint=models.UniqueConstraint(fields=('enterprise', 'about'), name='notification_is_sent_once'),
        ),
    ]
