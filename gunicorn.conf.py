"""Settings of gunicorn, which reads this file when it starts here. docs/webhooks.md explains them."""

import os

# A thread that launches the Admin Portal waits for WorkOS. At most 30 threads of a process wait at once;
# others fail at once (gateway/client.py): so threads stay free for deliveries and pages.
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
threads = int(os.environ.get("WEB_THREADS", "40"))
# Disconnects senders that are too slow.
worker_class = "hostapp.gunicorn_worker.DeadlineWorker"
# Seconds after which a worker that hangs is replaced.
timeout = 60
# Seconds that requests may take to finish when gunicorn stops.
graceful_timeout = 30
