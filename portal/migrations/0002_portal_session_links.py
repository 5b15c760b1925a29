from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("portal", "0001_initial")]

    operations = [
        migrations.RenameField("portalsession", "presses", "links"),
        migrations.AlterField(
            "portalsession",
            "links",
            models.PositiveSmallIntegerField(
                default=0, help_text="How many Portal Links WorkOS gave: a button pressed twice gives two."
            ),
        ),
    ]
