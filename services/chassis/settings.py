"""The settings of a service, from environment variables."""

from __future__ import annotations

from pydantic import AnyHttpUrl, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Read once at start. `dapr run` and the runner set the first group; the second has defaults.

    An empty token disables the check of `dapr-api-token`, because plain `dapr run` sets none.
    """

    model_config = SettingsConfigDict(extra="ignore", frozen=True)

    app_id: str
    app_port: int
    dapr_http_port: int = 3500
    dapr_grpc_port: int = 50001
    dapr_api_token: SecretStr = SecretStr("")
    app_api_token: SecretStr = SecretStr("")

    microgram_public_url: AnyHttpUrl = AnyHttpUrl("http://127.0.0.1:8080")
    microgram_log_level: str = "INFO"

    microgram_mail: bool = False
    """Whether mail about accounts can be sent, through the binding `mail` of notifications."""

    @property
    def public_url(self) -> str:
        """The public URL of the gateway, without a trailing slash."""
        return str(self.microgram_public_url).rstrip("/")

    @property
    def public_host(self) -> str:
        """The host of the public URL, with its port: the part after the name in a full handle."""
        return self.public_url.partition("://")[2].partition("/")[0]
