import os

pytest_plugins = ["sandbox.pytest_plugin"]


def pytest_xdist_auto_num_workers() -> int:
    """More processes than processors: many tests wait for a server, a browser or a deadline."""
    return max(2, (os.cpu_count() or 1) * 3 // 2)
