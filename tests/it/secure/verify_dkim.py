"""Verifies a mail's DKIM signature with a library that is not ours.

usage: verify_dkim.py MAIL NAME RECORD    where NAME holds the TXT record in DNS
Prints "good" or "bad".
"""

import pathlib
import sys

import dkim

mail, name, record = sys.argv[1:]
records = {name.rstrip(".") + ".": record}


def lookup(asked, timeout=5):
    asked = asked.decode() if isinstance(asked, bytes) else asked
    return records.get(asked)


print("good" if dkim.verify(pathlib.Path(mail).read_bytes(), dnsfunc=lookup) else "bad")
