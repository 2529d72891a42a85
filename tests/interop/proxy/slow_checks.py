"""Two thousand slow clients beside a healthy one: what it waits for must not grow."""

import http.client
import os
import resource
import statistics
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from report import check  # noqa: E402

address = os.environ["PUBLIC"].removeprefix("http://")
process = os.environ["PROXY_PROCESS"]
CLIENTS = "2000"
SECONDS = 45
# A busy machine disturbs single measurements.
ATTEMPTS = 3
# What a scheduler that serves two thousand others may add on a busy machine.
SPARE = 0.002

soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def memory():
    with open(f"/proc/{process}/status") as status:
        return int(next(line for line in status if line.startswith("VmRSS")).split()[1]) // 1024


def measure(seconds):
    """The times of requests over four kept connections, each fifty a second."""
    times, errors = [], []

    def client():
        connection = http.client.HTTPConnection(address, timeout=10)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            start = time.perf_counter()
            try:
                connection.request("GET", "/open/healthy")
                answer = connection.getresponse()
                answer.read()
                if answer.status != 200:
                    errors.append(answer.status)
            except OSError as error:
                errors.append(str(error))
                connection.close()
                continue
            times.append(time.perf_counter() - start)
            time.sleep(0.02)

    threads = [threading.Thread(target=client) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise AssertionError(f"{len(errors)} errors, such as {errors[0]}")
    return statistics.quantiles(times, n=100)[98]


def descriptors():
    return len(os.listdir(f"/proc/{process}/fd"))


def slow(name, *options):
    """slowhttptest in this mode while the healthy client goes on. A busy machine disturbs single measurements: the
    worse of those before and after is compared with the best of a few between."""
    before = measure(5)
    command = ["slowhttptest", *options, "-c", CLIENTS, "-r", "1000", "-l", str(SECONDS), "-u"]
    path = "/big" if "-X" in options else "/open/slow"
    attack = subprocess.Popen([*command, f"http://{address}{path}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        end = time.monotonic() + 15
        while descriptors() < int(CLIENTS) and time.monotonic() < end:
            time.sleep(0.2)
        sockets, during = [descriptors()], []
        for _ in range(ATTEMPTS):
            during.append(measure(5))
            sockets.append(descriptors())
            if during[-1] <= 2 * before + SPARE:
                break
        used = memory()
    finally:
        attack.terminate()
        attack.wait()
    usual, best = max(before, measure(5)), min(during)
    report = (
        f"p99 {usual * 1000:.1f} ms without, {best * 1000:.1f} ms beside {min(sockets)} to {max(sockets)} descriptors,"
        f" {used} MiB"
    )
    print(f"      {os.environ['SECTION']}: {name}: {report}", flush=True)
    if max(sockets) < int(CLIENTS):
        raise AssertionError(f"too few were there: {report}")
    if best > 2 * usual + SPARE:
        raise AssertionError(report)
    if used > 400:
        raise AssertionError(report)


check("2,000 clients that do not end their heads", lambda: slow("heads", "-H", "-i", "5", "-t", "GET"))
check("2,000 clients that do not end their bodies", lambda: slow("bodies", "-B", "-i", "5", "-s", "8192", "-x", "10"))
check("2,000 clients that do not read", lambda: slow("reading", "-X", "-w", "512", "-y", "1024", "-n", "5", "-z", "32", "-k", "3"))
