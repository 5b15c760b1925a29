"""The audit log, which the database itself keeps append-only."""

from django.db import migrations, models


# TRUNCATE alone is possible, in databases that hold nothing to keep: the sessions of the tests set
# `audit_log.may_be_truncated` in their own settings. UPDATE and DELETE never are.
APPEND_ONLY = """
CREATE FUNCTION audit_entry_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' AND current_setting('audit_log.may_be_truncated', true) = 'on' THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'The audit log is append-only: % is refused.', TG_OP
        USING ERRCODE = 'integrity_constraint_violation';
END
$$;
CREATE TRIGGER audit_entry_keeps_its_rows BEFORE UPDATE OR DELETE ON audit_auditentry
    FOR EACH ROW EXECUTE FUNCTION audit_entry_is_append_only();
CREATE TRIGGER audit_entry_is_not_truncated BEFORE TRUNCATE ON audit_auditentry
    FOR EACH STATEMENT EXECUTE FUNCTION audit_entry_is_append_only();
"""

REVERSE = """
DROP TRIGGER audit_entry_is_not_truncated ON audit_auditentry;
DROP TRIGGER audit_entry_keeps_its_rows ON audit_auditentry;
DROP FUNCTION audit_entry_is_append_only();
"""


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='AuditEntry',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField()),
                ('subject', models.UUIDField()),
                ('subject_name', models.CharField(max_length=150)),
                ('action', models.CharField(max_length=40)),
                ('actor', models.CharField(max_length=420)),
                ('target', models.CharField(blank=True, max_length=420)),
                ('outcome', models.TextField(blank=True)),
                ('client_ip', models.GenericIPAddressField(null=True, verbose_name='IP address')),
            ],
            options={
                'verbose_name_plural': 'audit entries',
                'indexes': [models.Index(fields=['subject', '-at', '-id'], name='audit_entry_newest')],
            },
        ),
        migrations.RunSQL(APPEND_ONLY, REVERSE),
    ]
