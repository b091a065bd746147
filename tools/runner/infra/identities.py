"""The identities of sidecars and Dapr servers in one run.

Sentry signs the certificate of an app-id only for a process that presents a token for this app-id
(its default validator would sign any). The tokens are JWTs in files that only their owner may read.
The key that signs them exists in the memory of the runner only. Each run has a new one, and a new
certificate authority.
"""

import asyncio
import base64
import contextlib
import json
import shutil
import time
from pathlib import Path

import yaml

from tools.runner.config.paths import RunDir, write_private
from tools.runner.infra.certificate_authority import create_authority

APP_TRUST_DOMAIN = "public"
"""The trust domain of sidecars: daprd's default."""
CONTROL_PLANE_TRUST_DOMAIN = "localhost"
"""The trust domain of sentry, placement and scheduler: daprd's default."""
NAMESPACE = "default"

_AUDIENCE = f"spiffe://{CONTROL_PLANE_TRUST_DOMAIN}/ns/{NAMESPACE}/dapr-sentry"
_LIFETIME = 3600
_RENEWAL_INTERVAL = 900.0
"""Both in seconds. A sidecar reads its file again when half the life of its certificate is over."""


class Identities:
    """Issues the tokens with which processes ask sentry for their certificates.

    `lifetime` is that of a token, in seconds.
    """

    def __init__(self, run: RunDir, lifetime: int = _LIFETIME) -> None:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        self.folder = run.path / "identities"
        self.authority = self.folder / "authority"
        self.configuration = self.folder / "sentry.yaml"
        self.sentry_address = ""
        self._lifetime = lifetime
        self._key = Ed25519PrivateKey.generate()
        self._subjects: dict[str, str] = {}

    @property
    def trust_anchors(self) -> Path:
        """The certificate of the authority that all processes of this run trust."""
        return self.authority / "ca.crt"

    def create(self) -> None:
        """Create the folder of this run, with sentry's configuration, without any earlier one."""
        shutil.rmtree(self.folder, ignore_errors=True)
        for folder in (self.folder, self.authority):
            folder.mkdir(mode=0o700)
        create_authority(self.authority)
        keys = self.folder / "keys.json"
        write_private(keys, json.dumps({"keys": [self._public_key()]}))
        write_private(self.configuration, yaml.safe_dump(sentry_configuration(keys)))

    def daprd_options(self) -> dict[str, str]:
        """Return the options with which a sidecar speaks mTLS only."""
        return {
            "enable-mtls": "true",
            "sentry-address": self.sentry_address,
            "control-plane-trust-domain": CONTROL_PLANE_TRUST_DOMAIN,
        }

    def daprd_environment(self, app_id: str) -> dict[str, str]:
        """Return what a sidecar needs in its environment to be `app_id`."""
        anchors = {"DAPR_TRUST_ANCHORS": self.trust_anchors.read_text()}
        return anchors | self.environment(app_id)

    def environment(self, name: str, trust_domain: str = APP_TRUST_DOMAIN) -> dict[str, str]:
        """Return what a process needs in its environment to be `name` for sentry."""
        self._subjects[name] = f"spiffe://{trust_domain}/ns/{NAMESPACE}/{name}"
        self._write(name)
        return {"DAPR_SENTRY_TOKEN_FILE": str(self._file(name)), "NAMESPACE": NAMESPACE}

    async def keep_fresh(self) -> None:
        """Renew all tokens before they expire, for as long as the system runs."""
        while True:
            await asyncio.sleep(_RENEWAL_INTERVAL)
            with contextlib.suppress(OSError):  # a full disk: tokens last for three more intervals
                for name in self._subjects:
                    self._write(name)

    def _write(self, name: str) -> None:
        import jwt

        now = int(time.time())
        claims = {
            "sub": self._subjects[name],
            "aud": _AUDIENCE,
            "iat": now,
            "exp": now + self._lifetime,
        }
        token = jwt.encode(claims, self._key, algorithm="EdDSA", headers={"kid": "runner"})
        write_private(self._file(name), token)

    def _file(self, name: str) -> Path:
        return self.folder / f"{name}.jwt"

    def _public_key(self) -> dict[str, str]:
        public = base64.urlsafe_b64encode(self._key.public_key().public_bytes_raw())
        return {
            "kty": "OKP",
            "crv": "Ed25519",
            "alg": "EdDSA",
            "use": "sig",
            "kid": "runner",
            "x": public.rstrip(b"=").decode(),
        }


def sentry_configuration(keys: Path) -> dict[str, object]:
    """Return the configuration of a sentry that accepts tokens which a file of keys verifies."""
    return {
        "apiVersion": "dapr.io/v1alpha1",
        "kind": "Configuration",
        "metadata": {"name": "sentry"},
        "spec": {
            "mtls": {
                "controlPlaneTrustDomain": CONTROL_PLANE_TRUST_DOMAIN,
                "tokenValidators": [{"name": "jwks", "options": {"source": str(keys)}}],
            }
        },
    }
