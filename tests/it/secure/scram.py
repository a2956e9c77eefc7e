"""Gives a user of Kafka another password, as an administrator does.

usage: scram.py BROKERS CA ADMIN_PASSWORD USER PASSWORD
"""

import sys

from confluent_kafka.admin import (
    AdminClient,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

brokers, authority, admin_password, user, password = sys.argv[1:]
admin = AdminClient(
    {
        "bootstrap.servers": brokers,
        "security.protocol": "SASL_SSL",
        "sasl.mechanisms": "SCRAM-SHA-512",
        "sasl.username": "admin",
        "sasl.password": admin_password,
        "ssl.ca.location": authority,
    }
)
info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
change = UserScramCredentialUpsertion(user, info, password.encode())
for future in admin.alter_user_scram_credentials([change]).values():
    future.result(timeout=30)
