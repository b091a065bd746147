/** Runs a service beside its sidecar until SIGTERM, with what Node has, and nothing else. */

import { createServer } from "node:http";

import { createApp, type Exporter, type Route } from "./app.ts";
import { LostEvents } from "./changes.ts";
import { Inbox, type CloudEvent, type Contracts, type Handler } from "./inbox.ts";
import { DeadLetters } from "./letters.ts";
import { log, nameLogs } from "./log.ts";
import { Sidecar } from "./sidecar.ts";
import { TokenVerifier } from "./tokens.ts";

/** Milliseconds of the 12 s that docs/protocol.md gives. */
const SHUTDOWN_TIMEOUT = 11_000;
const LIMITS = {
  requestTimeout: 30_000, headersTimeout: 30_000, keepAliveTimeout: 75_000, maxHeaderSize: 64 << 10,
};

/** What a service adds: its routes, what it does with events, and what belongs to users. */
export interface Service<E extends CloudEvent> {
  readonly routes: readonly Route[];
  readonly exports: Readonly<Record<string, Exporter>>;
  /** Apply an event. It may come twice, late or out of order. */
  readonly handle: Handler<E>;
}

/** Run a service; `models` is src/models.ts of the guest. A service that cannot run ends the process. */
export function runService<E extends CloudEvent>(
  name: string, models: Contracts, build: (sidecar: Sidecar) => Service<E>,
): void {
  nameLogs(name);
  const required = (variable: string) => process.env[variable] || stopWithout(name, variable);
  const sidecar = new Sidecar(required("DAPR_HTTP_PORT"), required("DAPR_API_TOKEN"));
  const { routes, exports, handle } = build(sidecar);
  const letters = new DeadLetters(sidecar);
  const inbox = new Inbox(letters, models, handle as Handler); // it gets events of `models` alone
  const verifier = new TokenVerifier(sidecar);
  const lost = new LostEvents(sidecar, inbox, models.producers);
  const topics = Object.keys(models.producers);
  const token = required("APP_API_TOKEN");
  const app = createApp({ name, token, sidecar, verifier, inbox, letters, topics, routes, exports });
  const server = createServer(LIMITS, app);
  const running = new AbortController();

  function stop(): void {
    running.abort();
    server.close(() => process.exit(0));
    server.closeIdleConnections();
    setTimeout(() => process.exit(0), SHUTDOWN_TIMEOUT).unref();
  }

  process.once("SIGTERM", stop);
  process.once("SIGINT", stop);
  server.listen(Number(required("APP_PORT")), "127.0.0.1", () => log.info("listening"));
  void verifier.watch(running.signal);
  void lost.watch(running.signal);
}

function stopWithout(name: string, variable: string): never {
  console.error(`${name}: ${variable} must be set, or any process may call it. ./tye-like-run.sh sets it`);
  process.exit(1);
}
