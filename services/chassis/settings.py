"""The settings of a service, from environment variables."""

from __future__ import annotations

import os
import socket
from ipaddress import IPv4Address

from pydantic import AnyHttpUrl, IPvAnyAddress, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Read once at start. The first group is set by `dapr run` and the runner."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True)

    app_id: str
    app_port: int
    dapr_http_port: int = 3500
    dapr_grpc_port: int = 50001
    dapr_api_token: SecretStr = SecretStr("")
    app_api_token: SecretStr = SecretStr("")

    microgram_insecure: bool = False
    """Whether the service starts without tokens. Then every local process counts as the sidecar."""

    microgram_public_url: AnyHttpUrl = AnyHttpUrl("http://127.0.0.1:8080")
    microgram_listen_fd: int | None = None
    """A listening socket for public requests, which replicas share; without it, `app_port` is for
    them too. Set by the runner."""

    microgram_listen_address: IPvAnyAddress = IPv4Address("127.0.0.1")
    """Where `app_port` listens. In a container, `0.0.0.0`: probes and a proxy come from outside."""

    microgram_log_level: str = "INFO"

    microgram_mail: bool = False
    """Whether mail about accounts can be sent, through the binding `mail` of notifications."""

    microgram_grpc: bool = False
    """Whether catalog answers by gRPC too, and orders asks it for quotes by gRPC (docs/grpc.md)."""

    @property
    def public_url(self) -> str:
        """The public URL of the gateway, without a trailing slash."""
        return str(self.microgram_public_url).rstrip("/")

    @property
    def public_host(self) -> str:
        """The host of the public URL, with its port: the part after the name in a full handle."""
        return self.public_url.partition("://")[2].partition("/")[0]

    def public_listener(self) -> socket.socket | None:
        """The socket for public requests, if there is one of its own."""
        if self.microgram_listen_fd is None:
            return None
        return socket.socket(fileno=os.dup(self.microgram_listen_fd))

    @property
    def public_port(self) -> int:
        """The port on which public requests come."""
        listener = self.public_listener()
        if listener is None:
            return self.app_port
        with listener:
            port: int = listener.getsockname()[1]
        return port

    def require_tokens(self) -> None:
        """Exit if a token is missing, unless that was asked for."""
        tokens = {"DAPR_API_TOKEN": self.dapr_api_token, "APP_API_TOKEN": self.app_api_token}
        missing = [name for name, token in tokens.items() if not token.get_secret_value()]
        if missing and not self.microgram_insecure:
            raise SystemExit(
                f"{self.app_id}: {' and '.join(missing)} must be set, or every process of this "
                "machine may call the service and its sidecar. ./tye-like-run.sh sets them. For "
                "`dapr run -f .` export them before (README.md). MICROGRAM_INSECURE=1 does without."
            )
