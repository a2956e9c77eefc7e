"""Publishes comment-submitted events with confluent-kafka, made from the schemas alone, and prints their ids.

usage: publish.py BROKERS TOPIC
"""

import datetime
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

from confluent_kafka import Producer
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

STARTED = datetime.datetime.now(datetime.timezone.utc)
PROTO = pathlib.Path(__file__).resolve().parents[2] / "proto"


def message_class(name):
    """Compiles the schemas with buf, and gives a message's class."""
    buf = pathlib.Path(sys.executable).parent / "buf"
    with tempfile.TemporaryDirectory() as folder:
        image = pathlib.Path(folder) / "image.binpb"
        subprocess.run([buf, "build", PROTO, "--as-file-descriptor-set", "-o", image], check=True)
        files = descriptor_pb2.FileDescriptorSet.FromString(image.read_bytes())
    pool = descriptor_pool.DescriptorPool()
    for file in files.file:
        pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(name))


def uuid7():
    value = int(time.time() * 1000) << 80 | int.from_bytes(os.urandom(10), "big")
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    text = f"{value:032x}"
    return "-".join([text[:8], text[8:12], text[12:16], text[16:20], text[20:]])


def submitted_at(number):
    """Each comment some milliseconds after the one before: a thread is shown in this order."""
    return STARTED + datetime.timedelta(milliseconds=10 * number)


def fields(number, body):
    """The proto3 JSON mapping of a submitted comment."""
    return {
        "site": "news",
        "thread": {"id": "python"},
        "author": {"name": f"Reader {number}", "email": f"reader{number}@example.org"},
        "body": body,
        "submittedAt": submitted_at(number).isoformat(),
    }


def main():
    brokers, topic = sys.argv[1:]
    submitted = message_class("rejoinder.v1.CommentSubmitted")
    producer = Producer({
        "bootstrap.servers": brokers,
        "enable.idempotence": True,
        "partitioner": "murmur2_random",
    })
    failures = []
    sent = []

    def send(identifier, payload, headers):
        sent.append(identifier)
        report = lambda error, _: failures.append(str(error)) if error else None
        producer.produce(topic, payload, key="news/python", headers=headers, on_delivery=report)

    def protobuf(number, body, **more):
        message = submitted()
        values = fields(number, body)
        message.site, message.body = values["site"], values["body"]
        message.thread.id = values["thread"]["id"]
        message.author.name, message.author.email = values["author"]["name"], values["author"]["email"]
        message.submitted_at.FromDatetime(submitted_at(number))
        for name, value in more.items():
            setattr(message, name, value)
        return message.SerializeToString()

    attributes = {"ce_specversion": "1.0", "ce_source": "/a/python/site", "ce_type": "rejoinder.v1.CommentSubmitted"}

    first = uuid7()
    send(first, protobuf(1, "protobuf: سلام دنیا", id=first),
         {**attributes, "ce_id": first, "content-type": "application/protobuf"})
    second = uuid7()
    send(second, json.dumps({"id": second, **fields(2, "json: 你好 👩‍👩‍👧‍👦")}, ensure_ascii=False).encode(),
         {**attributes, "ce_id": second, "content-type": "application/json"})
    third = uuid7()
    send(third, json.dumps({"id": third, **fields(3, "json without headers but its type")}).encode(),
         {"content-type": "application/json"})
    fourth = uuid7()
    send(fourth, protobuf(4, "protobuf with its id in the header alone"), {**attributes, "ce_id": fourth})

    producer.flush(30)
    if failures or len(producer):
        sys.exit(f"not delivered: {failures or len(producer)}")
    print("\n".join(sent))


if __name__ == "__main__":
    main()
