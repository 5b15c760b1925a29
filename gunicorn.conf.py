"""How gunicorn serves us: it reads this file by itself when it is started here. docs/webhooks.md says why."""

import os

# A thread waits for WorkOS as long as its visitor does. In a process 30 may wait at once and the next are
# told to come again (gateway/client.py): there are still threads for deliveries and pages.
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
threads = int(os.environ.get("WEB_THREADS", "40"))
# A thread of ours, with a deadline for whoever is too slow to send their request.
worker_class = "hostapp.patience.PatientWorker"
# A worker that does nothing at all for so long is replaced.
timeout = 60
# What is in hand when we are told to stop may be finished.
graceful_timeout = 30
