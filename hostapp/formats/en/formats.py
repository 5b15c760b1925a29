"""How Django writes dates and times where no template says it, as in the administration."""

DATE_FORMAT = "j F Y"
TIME_FORMAT = "H:i:s"
# Support compares these with logs: ISO 8601, to the second.
DATETIME_FORMAT = "Y-m-d H:i:s T"
SHORT_DATETIME_FORMAT = "Y-m-d H:i T"
