"""The history is only ever added to, whoever speaks to the database.

TRUNCATE alone has a way, for databases that hold nothing to keep: the tests' sessions set
`history.may_be_emptied`, in their own settings. UPDATE and DELETE have none.
"""

from django.db import migrations

FORWARDS = """
CREATE FUNCTION history_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' AND current_setting('history.may_be_emptied', true) = 'on' THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'The history is append-only: % is refused.', TG_OP
        USING ERRCODE = 'integrity_constraint_violation';
END
$$;
CREATE TRIGGER history_keeps_its_rows BEFORE UPDATE OR DELETE ON enterprises_historyentry
    FOR EACH ROW EXECUTE FUNCTION history_is_append_only();
CREATE TRIGGER history_is_not_emptied BEFORE TRUNCATE ON enterprises_historyentry
    FOR EACH STATEMENT EXECUTE FUNCTION history_is_append_only();
"""

BACKWARDS = """
DROP TRIGGER history_is_not_emptied ON enterprises_historyentry;
DROP TRIGGER history_keeps_its_rows ON enterprises_historyentry;
DROP FUNCTION history_is_append_only();
"""


class Migration(migrations.Migration):
    dependencies = [("enterprises", "0001_initial")]

    operations = [migrations.RunSQL(FORWARDS, BACKWARDS)]
