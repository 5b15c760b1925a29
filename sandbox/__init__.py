"""A stand-in for WorkOS: its API, an Admin Portal to click through, and signed webhooks, in one process.

It imports nothing of the application, and the application imports nothing of it. They talk over HTTP.
"""
