"""What `manage.py doctor` examines: each check yields findings, with the exact next step where one fails."""
