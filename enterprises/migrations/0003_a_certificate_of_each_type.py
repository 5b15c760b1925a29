from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('enterprises', '0002_history_is_append_only'),
    ]

    operations = [
        migrations.AddField(
            model_name='certificate',
            name='key',
            field=models.CharField(default='', max_length=130),
            preserve_default=False,
        ),
        migrations.RunSQL(
            "UPDATE enterprises_certificate SET key = connection_id || '/' || certificate_type",
            migrations.RunSQL.noop,
        ),
        migrations.AlterField(
            model_name='certificate',
            name='key',
            field=models.CharField(max_length=130, unique=True),
        ),
        migrations.AlterField(
            model_name='certificate',
            name='connection_id',
            field=models.CharField(db_index=True, max_length=64),
        ),
    ]
