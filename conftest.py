import os
import sys

# The tests start the project some 300 times. Where the machine asks for no bytecode, each process would
# compile it again.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

pytest_plugins = ["sandbox.pytest_plugin"]


def pytest_xdist_auto_num_workers() -> int:
    """More processes than processors: many tests wait for a server, a browser or a deadline."""
    return max(2, (os.cpu_count() or 1) * 3 // 2)
