"""The dependency container: what REST, GraphQL, pages and streams work with."""

from __future__ import annotations

from services.clients.base import Invoker
from services.clients.media import MediaClient
from services.clients.payments import PaymentWebhookClient
from services.clients.services import ServiceClients
from services.clients.shared_calls import SharedCalls
from services.gateway.application.account_search import AccountSearch
from services.gateway.application.archive_download import ArchiveDownloads
from services.gateway.application.checkouts import Checkouts
from services.gateway.application.client_apps import ClientApps
from services.gateway.application.conversations import ConversationPresenter
from services.gateway.application.hashtags import HashtagPresenter
from services.gateway.application.media import MediaUploads
from services.gateway.application.notifications import NotificationPresenter
from services.gateway.application.post_edits import PostEdits
from services.gateway.application.post_inputs import PostInputs
from services.gateway.application.posts import PostPresenter
from services.gateway.application.ready_pages import ReadyPages
from services.gateway.application.reports import Reports
from services.gateway.application.search import Search
from services.gateway.application.statistics import StatisticsCache
from services.gateway.application.threads import ThreadReader
from services.gateway.application.timeline_pages import TimelinePages
from services.gateway.presentation.html import HtmlWriter
from services.gateway.presentation.renderer import EntityRenderer
from services.gateway.presentation.urls import PublicUrls
from services.gateway.settings import GatewaySettings


class Gateway:
    """The parts of the gateway, composed once."""

    def __init__(self, settings: GatewaySettings, invoker: Invoker) -> None:
        self.settings = settings
        self.invoker = invoker
        self.services = ServiceClients(invoker, shared=SharedCalls(invoker))
        self.urls = PublicUrls(settings.public_url)
        self.html = HtmlWriter(self.urls)
        self.renderer = EntityRenderer(self.urls, self.html, settings.microgram_rendered_mib << 20)
        self.account_search = AccountSearch(self.services.users, self.urls.host)
        self.posts = PostPresenter(self.services, self.renderer, self.urls, self.html)
        self.conversations = ConversationPresenter(self.posts, self.renderer)
        pages_bytes = settings.microgram_pages_mib << 20
        self.ready_pages = ReadyPages(settings.microgram_ready_pages_mib << 20)
        self.notifications = NotificationPresenter(
            self.services,
            self.posts,
            self.renderer,
            self.ready_pages.changes,
            settings.microgram_notified_mib << 20,
        )
        self.timelines = TimelinePages(
            self.services.feed, self.posts, self.renderer, self.ready_pages.changes, pages_bytes
        )
        self.threads = ThreadReader(self.services, self.posts, self.renderer)
        self.media = MediaClient(invoker)
        self.uploads = MediaUploads(self.media)
        self.payment_webhooks = PaymentWebhookClient(invoker)
        self.checkouts = Checkouts(self.services.orders)
        self.hashtags = HashtagPresenter(self.services, self.urls)
        self.search = Search(
            self.services,
            self.account_search,
            self.posts,
            self.hashtags,
            self.renderer,
            self.urls,
        )
        self.client_apps = ClientApps(self.services.auth)
        self.post_inputs = PostInputs(self.services.users, self.client_apps)
        self.post_edits = PostEdits(self.services.posts, self.uploads)
        self.reports = Reports(self.services)
        self.statistics = StatisticsCache(self.services.users)
        self.archives = ArchiveDownloads(self.media)
