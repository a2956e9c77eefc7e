"""A real deployment with a Prometheus that scrapes it, and comments of every fate: the ground on which queries are tried."""

import json
import os
import shutil
import signal
import socket
import socketserver
import sqlite3
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from pathlib import Path

PATIENCE = 60
WORKERS = ["validator", "spam-filter", "comment-store", "notifier"]
NAMESPACE = "comments"


def free_port():
    """A port that nobody listens on now; from TEST_PORTS=first-last where that is set."""
    if span := os.environ.get("TEST_PORTS"):
        first, last = map(int, span.split("-"))
        candidates = range(first, last + 1)
    else:
        candidates = [0]
    for candidate in candidates:
        if candidate in free_port.given:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", candidate))
            except OSError:
                continue
            port = probe.getsockname()[1]
            free_port.given.add(port)
            return port
    raise SystemExit("no free port")


free_port.given = set()


def until(what, condition):
    """Asks again until the answer is yes, and gives that answer."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            if answer := condition():
                return answer
        except OSError:
            pass
        if time.monotonic() > end:
            raise SystemExit(f"never happened: {what}")
        time.sleep(0.1)


def fetch(url, data=None, headers=None):
    """The body and the status of an answer, whatever the status."""
    request = urllib.request.Request(url, data=data, headers=headers or {})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def statement(url, text):
    """Has a PostgreSQL carry it out. Some distributions of it have no psql."""
    import pg8000.native

    server = urllib.parse.urlsplit(url)
    database = server.path.removeprefix("/")
    connection = pg8000.native.Connection(server.username, server.hostname, database, server.port, server.password)
    try:
        connection.run(text)
    finally:
        connection.close()


class MailServer(socketserver.StreamRequestHandler):
    """Takes mail for editor@, refuses gone@ for good, and is always too busy for busy@."""

    def handle(self):
        said = {"gone": "550 5.1.1 no such mailbox", "busy": "450 4.2.1 try again later"}
        self.say("220 localhost")
        while line := self.rfile.readline().decode(errors="replace").strip():
            verb = line[:4].upper()
            if verb == "DATA":
                self.say("354 go on")
                while self.rfile.readline().strip() != b".":
                    pass
            if verb == "RCPT":
                self.say(next((reply for name, reply in said.items() if f"<{name}@" in line), "250 2.1.5 taken"))
            else:
                self.say("221 bye" if verb == "QUIT" else "250 2.0.0 done")

    def say(self, line):
        self.wfile.write(f"{line}\r\n".encode())


def mail_server():
    """Starts one, and gives its port."""
    socketserver.ThreadingTCPServer.allow_reuse_address = True
    server = socketserver.ThreadingTCPServer(("127.0.0.1", free_port()), MailServer)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


class House:
    """The processes of one deployment. `kafka` and `postgres` make it the distributed one."""

    def __init__(self, binary, kafka=None, postgres=None):
        self.binary, self.kafka = str(binary), kafka
        self.folder = Path(tempfile.mkdtemp(prefix="rejoinder-monitoring-"))
        self.name = f"monitoring-{os.getpid()}-{uuid.uuid4().hex[:6]}."
        self.processes, self.targets, self.members, self.database = [], {}, {}, None
        self.gateway = f"127.0.0.1:{free_port()}"
        self.postgres = self._database(postgres) if postgres else None
        self.mail_port = mail_server()
        (self.folder / "rejoinder.toml").write_text(self._configuration())

    def _database(self, url):
        """A database of our own on the given server."""
        self.database = (url, "monitoring_" + uuid.uuid4().hex[:8])
        statement(url, f"CREATE DATABASE {self.database[1]}")
        return urllib.parse.urlsplit(url)._replace(path="/" + self.database[1]).geturl()

    def _configuration(self):
        distributed = f"""
deployment = "distributed"
kafka = {{ brokers = "{self.kafka}", prefix = "{self.name}", partitions = 4 }}
postgres = {{ url = "{self.postgres}" }}
moderation = {{ keys = ["{"0123456789abcdef" * 4}"] }}
"""
        return f"""
data_dir = "{self.folder}/data"
listen = "{self.gateway}"
{distributed if self.kafka else ""}
[mail]
backend = "smtp"
smtp = {{ host = "127.0.0.1", port = {self.mail_port}, security = "none" }}
[gateway]
submit_per_minute = 0
[policy.validation]
flood_seconds = 0
[sites.news]
title = "The Example News"
moderators = [{{ name = "editor", email = "editor@example.org" }}]
[sites.news.policy.screening]
mode = "post"
# One on trial, so that what trials count is there.
[sites.news.policy.trial]
name = "stricter"
screening = {{ hold_at = 4.0 }}
[sites.blog]
title = "The Example Blog"
moderators = [{{ name = "gone", email = "gone@example.org" }}, {{ name = "busy", email = "busy@example.org" }}]
"""

    def run(self, *arguments):
        """A command to its end; it must succeed."""
        command = [self.binary, "--config", self.folder / "rejoinder.toml", *arguments]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)

    def _spawn(self, name, command, environment=None):
        with open(self.folder / f"{name}.log", "ab") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, **(environment or {})})
        self.processes.append((name, process))
        return process

    def worker(self, name, probes=None):
        """Starts a worker, to be scraped."""
        environment = {}
        if probes:
            environment = {"REJOINDER__PROBES__LISTEN": probes, "REJOINDER__INSTANCE": probes.replace(":", "-")}
        target = probes or self.gateway
        if target not in self.targets.setdefault(name, []):
            self.targets[name].append(target)
        process = self._spawn(name, [self.binary, "--config", self.folder / "rejoinder.toml", name], environment)
        self.members[target] = process
        return process

    def replicas(self, name):
        """The addresses and processes of a worker."""
        return [(address, self.members[address]) for address in self.targets.get(name, [])]

    def start(self, replicas=1):
        """Starts all of it, with a dead letter to come."""
        if self.kafka:
            self.run("topics", "create")
            self.run("migrate")
            for name in WORKERS * replicas:
                self.worker(name, f"127.0.0.1:{free_port()}")
            self.worker("gateway")
        else:
            first = self.worker("run")
            until("the log is made", self.answers)
            self.end(first)
            self._poison_embedded()
            self.targets.clear()
            self.worker("run")
        until("all is ready", lambda: self.answers() and all(self._ready(each) for each in self.addresses()))
        if self.kafka:
            self.poison(1)

    def addresses(self):
        return [address for each in self.targets.values() for address in each]

    def answers(self):
        return fetch(f"http://{self.gateway}/livez")[0] == 200

    def _ready(self, address):
        return fetch(f"http://{address}/readyz")[0] == 200

    def _poison_embedded(self):
        """A tombstone on the log, which no worker can use; the log's file is nobody's now."""
        with sqlite3.connect(self.folder / "data" / "log.sqlite") as log:
            row = ("comments.submitted", 0, 0, int(time.time() * 1000), b"news/a", b"", None)
            log.execute("INSERT INTO records VALUES (?, ?, ?, ?, ?, ?, ?)", row)

    def poison(self, records):
        """Records on Kafka that no worker can use."""
        from confluent_kafka import Producer

        producer = Producer({"bootstrap.servers": self.kafka})
        for _ in range(records):
            producer.produce(f"{self.name}comments.submitted", key=b"news/a", value=None)
        if producer.flush(30):
            raise SystemExit("the broker does not take a record")

    def prometheus(self, every="1s", rules=None):
        """Starts a Prometheus that scrapes all of it, and gives its address."""
        port = free_port()
        jobs = [
            {
                "job_name": f"rejoinder-{name}",
                "static_configs": [{"targets": addresses, "labels": {"namespace": NAMESPACE}}],
            }
            for name, addresses in self.targets.items()
        ]
        configuration = {
            "global": {"scrape_interval": every, "evaluation_interval": every},
            "scrape_configs": jobs,
            "rule_files": [str(Path(rules).resolve())] if rules else [],
        }
        # JSON is YAML.
        (self.folder / "prometheus.yml").write_text(json.dumps(configuration))
        command = ["prometheus", f"--config.file={self.folder}/prometheus.yml", f"--storage.tsdb.path={self.folder}/tsdb"]
        self._spawn("prometheus", [*command, f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn"])
        address = f"http://127.0.0.1:{port}"
        until("Prometheus is ready", lambda: fetch(f"{address}/-/ready")[0] == 200)
        return address

    def post(self, site="news", **fields):
        """Submits a comment; gives its id, or `None` when it is refused."""
        body = {"thread": "a", "name": "Ada", "email": "ada@example.org", **fields}
        url = f"http://{self.gateway}/v1/sites/{site}/comments"
        status, answer = fetch(url, json.dumps(body).encode(), {"content-type": "application/json"})
        return json.loads(answer)["id"] if status == 202 else None

    def state(self, comment):
        return json.loads(fetch(f"http://{self.gateway}/v1/comments/{comment}")[1]).get("state")

    def every_fate(self):
        """One comment of each fate, and waits until it has met it."""
        plain = "A thoughtful piece, thank you. I had not considered the second argument before."
        links = " ".join(f"https://{number}.example" for number in range(6))
        fates = [
            (self.post(body=plain), "published"),
            (self.post(body="See https://one.example and https://two.example for more of it."), "pending"),
            (self.post(body=f"viagra, cialis, casino bonus, payday loan: {links}"), "pending"),
        ]
        until("the first copy is stored", lambda: self.state(fates[0][0]) == "published")
        fates.append((self.post(body=plain), "rejected"))
        for comment, state in fates:
            until(f"{comment} is {state}", lambda: self.state(comment) == state)
        if self.post(body="") is not None:
            raise SystemExit("an empty comment was accepted")
        for path in ["sites/news/comments?thread=a", "sites/news/recent", "sites/news/counts?thread=a"]:
            fetch(f"http://{self.gateway}/v1/{path}")
        # A stranger there is held, and no moderator can be told.
        self.post("blog", body="A first comment of somebody whom nobody knows yet.")
        for result in ["sent", "failed", "retried"]:
            until(f"a mail is {result}", lambda: f'result="{result}"' in self.metrics())

    def chat(self, done, pause=0.5):
        """Submits comments that may be published until `done` is set."""
        number = 0
        while not done.wait(pause):
            number += 1
            self.post(thread=f"talk-{number % 7}", body=f"On your point number {number}: quite so, and thank you for it.")

    def metrics(self):
        """What all processes export, one text after the other."""
        return "\n".join(fetch(f"http://{address}/metrics")[1] for address in self.addresses())

    def end(self, process, how=signal.SIGTERM):
        """Ends one process, and waits for it."""
        process.send_signal(how)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def close(self):
        """Ends what was started, and takes its files away."""
        for name, process in reversed(self.processes):
            if process.poll() is None:
                self.end(process, signal.SIGKILL if name == "prometheus" else signal.SIGTERM)
        if self.database:
            url, name = self.database
            statement(url, f"DROP DATABASE {name} WITH (FORCE)")
        if os.environ.get("KEEP"):
            print(f"kept: {self.folder}")
        else:
            shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
