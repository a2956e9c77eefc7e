"""An SMTP server that is not ours: STARTTLS and a login are required, and each mail is written to a folder.

usage: smtpd.py PORT CERTIFICATE KEY PASSWORD_FILE FOLDER
The password is read from its file with each login, and the certificate anew with each connection.
"""

import hmac
import pathlib
import ssl
import sys
import threading
import uuid

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

port, certificate, key, password_file, folder = sys.argv[1:]
folder = pathlib.Path(folder)


def authenticate(server, session, envelope, mechanism, login):
    wanted = pathlib.Path(password_file).read_bytes().strip()
    good = isinstance(login, LoginPassword) and login.login == b"desk" and hmac.compare_digest(login.password, wanted)
    # 535 is said by the server itself.
    return AuthResult(success=good, handled=False)


class Mailbox:
    async def handle_DATA(self, server, session, envelope):
        waiting = folder / f"{uuid.uuid4()}.part"
        waiting.write_bytes(envelope.content)
        waiting.rename(waiting.with_suffix(".eml"))
        return "250 taken"


class Server(Controller):
    def factory(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        return SMTP(
            self.handler,
            hostname="localhost",
            tls_context=context,
            require_starttls=True,
            auth_required=True,
            authenticator=authenticate,
        )


server = Server(Mailbox(), hostname="127.0.0.1", port=int(port))
server.start()
print("listens", flush=True)
threading.Event().wait()
