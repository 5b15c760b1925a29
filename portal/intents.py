"""What an IT admin can open the Admin Portal for."""

from django.db import models


class Intent(models.TextChoices):
    """WorkOS's names. Its SDK accepts any string, so this is the list of those that we send."""

    SSO = "sso", "Single Sign-On"
    DSYNC = "dsync", "Directory Sync"
