"""The clients of the services that the gateway works with, on one port."""

from __future__ import annotations

from services.clients.auth import AuthClient
from services.clients.base import JsonInvoker
from services.clients.catalog import CatalogClient
from services.clients.comments import CommentsClient
from services.clients.feed import FeedClient
from services.clients.insights import InsightsClient
from services.clients.notifications import NotificationsClient
from services.clients.orders import OrdersClient
from services.clients.payments import PaymentsClient
from services.clients.posts import PostsClient
from services.clients.users import UsersClient


class ServiceClients:
    """A client for each service that the gateway reads from and writes to.

    Services whose requests cost little more than the hop may have a port of their own, `shared`.
    """

    def __init__(self, invoker: JsonInvoker, shared: JsonInvoker | None = None) -> None:
        shared = shared or invoker
        self.auth = AuthClient(invoker)
        self.users = UsersClient(invoker)
        self.posts = PostsClient(shared)
        self.comments = CommentsClient(invoker)
        self.feed = FeedClient(shared)
        self.notifications = NotificationsClient(shared)
        self.catalog = CatalogClient(invoker)
        self.orders = OrdersClient(invoker)
        self.payments = PaymentsClient(invoker)
        self.insights = InsightsClient(invoker)
