"""A stand-in for WorkOS: its own process and port, its API, a portal a person can click, signed webhooks.

Nothing here imports the host app and the host app imports nothing from here; they meet over HTTP alone.
"""
