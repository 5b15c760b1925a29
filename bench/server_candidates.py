"""The site for the servers that `bench.servers` compares: as an ASGI application, in a pool of 40 threads."""

from importlib import import_module

from hostapp.wsgi import application

# No dependency of this project.
asgi = import_module("a2wsgi").WSGIMiddleware(application, workers=40)
