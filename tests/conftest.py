import os

import pytest
from hypothesis import settings

if "PYTEST_XDIST_WORKER" in os.environ:
    # A process per core, each with a thread per core, wait for each other most of the time. NumPy
    # and torch read this when they are imported, which is later.
    os.environ.setdefault("OMP_NUM_THREADS", "1")

settings.register_profile("primis", deadline=None)
settings.load_profile("primis")


pytest_plugins = ["tests.encoded_once"]


def pytest_addoption(parser):
    parser.addoption("--run-slow", action="store_true", help="also run the tests marked slow")


def pytest_collection_modifyitems(config, items):
    if config.getoption("--run-slow"):
        return
    skip = pytest.mark.skip(reason="slow: needs --run-slow")
    for item in items:
        if "slow" in item.keywords:
            item.add_marker(skip)
