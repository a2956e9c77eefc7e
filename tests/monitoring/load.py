"""Some minutes of load with troubles in them, and a picture of what the dashboard shows of it.

    load.py BINARY FILE.png

On the distributed deployment where REJOINDER_TEST_KAFKA and REJOINDER_TEST_POSTGRES name servers, else on the embedded one. MINUTES
says for how long (6).
"""

import math
import os
import random
import signal
import subprocess
import sys
import threading
import time

import house
import queries

WORDS = "the a point argument reader council budget bridge harbour winter paper editor street market garden answer".split()
SPAM = "viagra casino bonus payday loan online casino maxwin " + " ".join(f"https://{n}.example" for n in range(6))


def sentence(chance):
    return " ".join(chance.choice(WORDS) for _ in range(12)).capitalize() + "."


def reader(deployment, done, seed, began, minutes):
    """Submits, reads and asks again, the faster the nearer the middle of the time."""
    chance = random.Random(seed)
    while not done.is_set():
        site = chance.choices(["news", "blog"], [9, 1])[0]
        body = chance.choices([sentence(chance), SPAM, "Look: https://a.example https://b.example", ""], [84, 8, 6, 2])[0]
        name = f"reader{chance.randrange(500)}"
        try:
            deployment.post(site, thread=f"article-{chance.randrange(20)}", name=name, email=f"{name}@example.org", body=body)
            if chance.random() < 0.5:
                house.fetch(f"http://{deployment.gateway}/v1/sites/{site}/recent")
        except OSError:
            pass
        share = min(1, (time.monotonic() - began) / (60 * minutes))
        done.wait(0.5 - 0.45 * math.sin(math.pi * share))


def main(binary, file):
    servers = [os.environ.get("REJOINDER_TEST_KAFKA"), os.environ.get("REJOINDER_TEST_POSTGRES")]
    minutes = int(os.environ.get("MINUTES", "6"))
    with house.House(binary, *(servers if all(servers) else [])) as deployment:
        deployment.start(replicas=2)
        prometheus = deployment.prometheus("5s", queries.RULES)
        deployment.every_fate()
        done, began = threading.Event(), time.monotonic()
        readers = [threading.Thread(target=reader, args=(deployment, done, seed, began, minutes), daemon=True) for seed in range(4)]
        for each in readers:
            each.start()
        # A third through, a replica dies and is started anew; two thirds through, another hangs, and the lag grows.
        done.wait(20 * minutes)
        for address, process in deployment.replicas("validator")[:1]:
            deployment.poison(8)
            deployment.end(process, signal.SIGKILL)
            done.wait(12)
            deployment.worker("validator", address)
        done.wait(20 * minutes - 12)
        hanging = [process for _, process in deployment.replicas("comment-store")]
        for process in hanging:
            process.send_signal(signal.SIGSTOP)
        done.wait(8)
        for process in hanging:
            process.send_signal(signal.SIGCONT)
        done.wait(max(0, 60 * minutes - (time.monotonic() - began)))
        done.set()
        for each in readers:
            each.join()
        draw = queries.DASHBOARD.parent / "draw"
        subprocess.run([sys.executable, draw, "--prometheus", prometheus, "--minutes", str(minutes), file], check=True)
        _, alerts = house.fetch(f"{prometheus}/api/v1/alerts")
        print(alerts)


if __name__ == "__main__":
    main(*sys.argv[1:3])
