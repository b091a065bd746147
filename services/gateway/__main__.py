"""Start the gateway."""

from services.gateway.app import create_app, create_service
from services.gateway.settings import GatewaySettings

if __name__ == "__main__":
    service = create_service(GatewaySettings())
    service.run(create_app(service))
