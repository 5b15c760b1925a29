import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='Organization',
            fields=[
                ('organization_id', models.CharField(max_length=64, primary_key=True, serialize=False)),
                ('name', models.TextField(blank=True)),
                ('as_of', models.DateTimeField()),
                ('deleted_at', models.DateTimeField(null=True)),
                ('reconciled_at', models.DateTimeField(null=True)),
                ('reconcile_problems', models.TextField(blank=True, db_default='', default='', help_text='What the API said then that could not be stored or used.')),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('organization_id', ''), _negated=True), name='organization_id_is_not_empty')],
            },
        ),
        migrations.CreateModel(
            name='Directory',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('previous_state', models.CharField(blank=True, max_length=20)),
                ('as_of', models.DateTimeField()),
                ('as_of_event', models.CharField(blank=True, max_length=255)),
                ('as_of_is_estimated', models.BooleanField(db_default=False, default=False)),
                ('observed_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('state_since', models.DateTimeField()),
                ('directory_id', models.CharField(max_length=64, unique=True)),
                ('name', models.TextField(blank=True)),
                ('directory_type', models.CharField(blank=True, max_length=64)),
                ('state', models.CharField(choices=[('validating', 'Validating'), ('active', 'Active'), ('inactive', 'Deactivated'), ('invalid_credentials', 'Credentials refused'), ('deleting', 'Being removed'), ('deleted', 'Removed')], max_length=20)),
                ('organization', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='mirror.organization')),
            ],
            options={
                'verbose_name_plural': 'directories',
                'constraints': [models.CheckConstraint(condition=models.Q(('state__in', ['validating', 'active', 'inactive', 'invalid_credentials', 'deleting', 'deleted'])), name='directory_state_is_known')],
            },
        ),
        migrations.CreateModel(
            name='Connection',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('previous_state', models.CharField(blank=True, max_length=20)),
                ('as_of', models.DateTimeField()),
                ('as_of_event', models.CharField(blank=True, max_length=255)),
                ('as_of_is_estimated', models.BooleanField(db_default=False, default=False)),
                ('observed_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('state_since', models.DateTimeField()),
                ('connection_id', models.CharField(max_length=64, unique=True)),
                ('name', models.TextField(blank=True)),
                ('connection_type', models.CharField(blank=True, max_length=64)),
                ('state', models.CharField(choices=[('requires_type', 'Started'), ('draft', 'Started'), ('validating', 'Validating'), ('active', 'Active'), ('inactive', 'Deactivated'), ('deleting', 'Being removed'), ('deleted', 'Removed')], max_length=20)),
                ('organization', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='mirror.organization')),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('state__in', ['requires_type', 'draft', 'validating', 'active', 'inactive', 'deleting', 'deleted'])), name='connection_state_is_known')],
            },
        ),
        migrations.CreateModel(
            name='Certificate',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('previous_state', models.CharField(blank=True, max_length=20)),
                ('as_of', models.DateTimeField()),
                ('as_of_event', models.CharField(blank=True, max_length=255)),
                ('as_of_is_estimated', models.BooleanField(db_default=False, default=False)),
                ('observed_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('state_since', models.DateTimeField()),
                ('key', models.CharField(max_length=130, unique=True)),
                ('connection_id', models.CharField(max_length=64)),
                ('certificate_type', models.CharField(blank=True, max_length=64)),
                ('expires_at', models.DateTimeField(null=True)),
                ('state', models.CharField(choices=[('renewal_required', 'Renewal required'), ('renewed', 'Renewed')], max_length=20)),
                ('organization', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='mirror.organization')),
            ],
            options={
                'indexes': [models.Index(fields=['connection_id'], name='certificate_connection')],
                'constraints': [models.CheckConstraint(condition=models.Q(('state__in', ['renewal_required', 'renewed'])), name='certificate_state_is_known')],
            },
        ),
        migrations.CreateModel(
            name='OrganizationDomain',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('previous_state', models.CharField(blank=True, max_length=20)),
                ('as_of', models.DateTimeField()),
                ('as_of_event', models.CharField(blank=True, max_length=255)),
                ('as_of_is_estimated', models.BooleanField(db_default=False, default=False)),
                ('observed_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('state_since', models.DateTimeField()),
                ('domain_id', models.CharField(max_length=64, unique=True)),
                ('domain', models.CharField(max_length=253)),
                ('state', models.CharField(choices=[('pending', 'Not verified yet'), ('verified', 'Verified'), ('failed', 'Verification failed'), ('deleted', 'Removed')], max_length=20)),
                ('reason', models.TextField(blank=True, help_text="Why verification failed, in WorkOS's words.")),
                ('organization', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='mirror.organization')),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('state__in', ['pending', 'verified', 'failed', 'deleted'])), name='organization_domain_state_is_known'), models.UniqueConstraint(condition=models.Q(('state', 'verified')), fields=('domain',), name='organization_domain_verified_has_one_owner')],
            },
        ),
    ]
