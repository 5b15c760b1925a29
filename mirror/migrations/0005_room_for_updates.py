from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('mirror', '0004_members_of_a_group'),
    ]

    operations = [
        # Of pages that are written from now on. It blocks neither reading nor writing.
        migrations.RunSQL(
            'ALTER TABLE mirror_directoryuser SET (fillfactor = 90)',
            'ALTER TABLE mirror_directoryuser RESET (fillfactor)',
        ),
    ]
