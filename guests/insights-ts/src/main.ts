/** The service `insights`. It keeps docs/protocol.md with what Node has, and nothing else. */

import { createServer } from "node:http";

import { createApp } from "./app.ts";
import { LostEvents } from "./changes.ts";
import { Inbox } from "./inbox.ts";
import { DeadLetters } from "./letters.ts";
import { log } from "./log.ts";
import { Projector } from "./projector.ts";
import { Sidecar } from "./sidecar.ts";
import { TokenVerifier } from "./tokens.ts";

const SHUTDOWN_TIMEOUT = 11_000;

function required(name: string): string {
  const value = process.env[name];
  if (value) return value;
  console.error(`insights: ${name} must be set, or any process may call it. ./tye-like-run.sh sets it`);
  process.exit(1);
}

const sidecar = new Sidecar(required("DAPR_HTTP_PORT"), required("DAPR_API_TOKEN"));
const verifier = new TokenVerifier(sidecar);
const projector = new Projector(sidecar, sidecar);
const letters = new DeadLetters(sidecar);
const inbox = new Inbox(letters, (event) => projector.handle(event));
const lost = new LostEvents(sidecar, inbox);
const parts = { token: required("APP_API_TOKEN"), sidecar, verifier, projector, inbox, letters };

const server = createServer(
  { requestTimeout: 30_000, headersTimeout: 30_000, keepAliveTimeout: 75_000, maxHeaderSize: 64 << 10 },
  createApp(parts),
);
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
