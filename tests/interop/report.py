"""One line per check, in the form that the runner counts."""

import os

SECTION = os.environ["SECTION"]


def check(name, body):
    try:
        body()
    except Exception as error:  # any failure of the software under test is a finding
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        print(f"FAIL  {SECTION}: {name}: {reason}", flush=True)
    else:
        print(f"ok    {SECTION}: {name}", flush=True)


def same(actual, expected, what):
    if actual != expected:
        raise AssertionError(f"{what}: {actual!r}, not {expected!r}")


def refused(body, *errors):
    try:
        value = body()
    except errors:
        return
    raise AssertionError(f"not refused: {value!r}")
