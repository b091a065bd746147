"""Asks Dapr's operator as a sidecar would, with an identity that Sentry's key has signed."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.wrappers_pb2 import StringValue

from tests.kubernetes.cluster import Cluster
from tools.kubernetes.settings import DAPR_NAMESPACE, NAMESPACE

_METHOD = "/dapr.proto.operator.v1.Operator/ListComponents"
_SERVER = "dapr-webhook.dapr-system.svc"
"""The DNS name in the certificate of the operator; sidecars check its SPIFFE identity instead."""


class OperatorApi:
    """The operator's API, at an address."""

    def __init__(self, cluster: Cluster, address: str) -> None:
        found = cluster.get("-n", DAPR_NAMESPACE, "secret", "dapr-trust-bundle")["data"]
        self._bundle = {key: base64.b64decode(value) for key, value in found.items()}
        self._address = address

    def components(self, app: str, namespace: str = NAMESPACE) -> list[dict[str, Any]]:
        """Return the components of the namespace `microgram` that an app is given.

        Raises grpc.RpcError if the app's identity, of its namespace, does not let it ask.
        """
        key, certificate = self._identity(f"spiffe://public/ns/{namespace}/{app}")
        credentials = grpc.ssl_channel_credentials(self._bundle["ca.crt"], key, certificate)
        options = [("grpc.ssl_target_name_override", _SERVER), ("grpc.enable_http_proxy", 0)]
        with grpc.secure_channel(self._address, credentials, options) as channel:
            # These messages have the fields of ListComponentsRequest and -Response that matter.
            ask = channel.unary_unary(
                _METHOD,
                request_serializer=StringValue.SerializeToString,
                response_deserializer=FieldMask.FromString,
            )
            answer = ask(StringValue(value=NAMESPACE), timeout=30)
        return [json.loads(each) for each in answer.paths]

    def _identity(self, name: str) -> tuple[bytes, bytes]:
        """Return a key, and the certificates that name its owner."""
        issuer = x509.load_pem_x509_certificate(self._bundle["issuer.crt"])
        signer: Any = serialization.load_pem_private_key(self._bundle["issuer.key"], None)
        key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
        signed = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([]))
            .issuer_name(issuer.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(minutes=5))
            .not_valid_after(now + timedelta(minutes=30))
            .add_extension(
                x509.SubjectAlternativeName([x509.UniformResourceIdentifier(name)]), critical=True
            )
            .add_extension(_SIGNS, critical=True)
            .add_extension(usage, critical=False)
            .sign(signer, None if _is_ed25519(signer) else hashes.SHA256())
        )
        pem = serialization.Encoding.PEM
        secret = key.private_bytes(
            pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return secret, signed.public_bytes(pem) + self._bundle["issuer.crt"]


_SIGNS = x509.KeyUsage(
    digital_signature=True,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=False,
    crl_sign=False,
    encipher_only=False,
    decipher_only=False,
)


def _is_ed25519(key: Any) -> bool:
    return type(key).__name__.startswith("Ed25519")
