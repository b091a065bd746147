/** The routes of the service, and who may call each. */

import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";

import { Failure, forbidden, invalid, notFound, Poison, reasonOf, tooLarge, unauthenticated } from "./failures.ts";
import { eventsOf, type Inbox } from "./inbox.ts";
import type { DeadLetters } from "./letters.ts";
import { log } from "./log.ts";
import { producers } from "./models.ts";
import type { Projector } from "./projector.ts";
import type { Sidecar } from "./sidecar.ts";
import type { TokenVerifier } from "./tokens.ts";
import { traceOf, withTrace } from "./trace.ts";

const MAX_BODY = 4 << 20;
/** The caller of a request of the own sidecar, which names none. */
const OWN_SIDECAR = "";
const DEAD_TOPIC = "insights-dead";
const ID = /^[0-9]{1,20}$/;
const SCOPE = "read:shop";

export interface Parts {
  readonly token: string;
  readonly sidecar: Pick<Sidecar, "isReady" | "secret">;
  readonly verifier: Pick<TokenVerifier, "userOf">;
  readonly projector: Pick<Projector, "insights">;
  readonly inbox: Pick<Inbox, "receive" | "receiveDead" | "receiveOne">;
  readonly letters: Pick<DeadLetters, "all" | "replay">;
}

interface Asked {
  readonly request: IncomingMessage;
  /** What the parts of the path match that the route leaves open. */
  readonly path: readonly string[];
}

interface Route {
  readonly method: string;
  readonly pattern: RegExp;
  readonly caller: string;
  readonly answer: (asked: Asked) => Promise<unknown>;
}

/** Answers all requests: admits the sidecar by its token, and to each route its caller. */
export function createApp(parts: Parts): RequestListener {
  const routes = routesOf(parts);
  return (request, response) => {
    const named = (name: string) => String(request.headers[name] ?? "");
    const trace = traceOf(named("traceparent"), named("tracestate"), named("x-request-id"));
    response.setHeader("x-request-id", trace.requestId);
    void withTrace(trace, async () => {
      try {
        send(response, 200, await answer(request, parts, routes));
      } catch (error) {
        refuse(response, error);
      }
    });
  };
}

function routesOf({ sidecar, verifier, projector, inbox, letters }: Parts): Route[] {
  const operator = (work: () => Promise<unknown>) => async ({ request }: Asked) => {
    await checkOperator(request, sidecar);
    return await work();
  };
  return [
    route("GET", "/insights/([^/]+)", "gateway", async ({ request, path: [account] }) => {
      const user = await verifier.userOf(request.headers.authorization, SCOPE);
      if (!ID.test(account)) throw invalid("The account is no id.");
      if (user !== account) throw forbidden("Insights are for the account's own user.");
      return await projector.insights(account);
    }),
    route("GET", "/belongings/([^/]+)/([^/]+)", "media", async ({ path: [user, kind] }) => {
      if (!ID.test(user)) throw invalid("The user is no id.");
      if (kind !== "insights") throw notFound(`This service exports no data of the kind "${kind}".`);
      const found = await projector.insights(user);
      const isEmpty = !found.posts && !found.sales.length && found.followers === null;
      return { records: isEmpty ? [] : [found], next: "", total: isEmpty ? 0 : 1 };
    }),
    route("GET", "/dapr/subscribe", OWN_SIDECAR, async () => subscriptions()),
    route("POST", "/events/([^/]+)", OWN_SIDECAR, async ({ request, path: [topic] }) => {
      if (!Object.hasOwn(producers, topic)) throw notFound("There is no such topic.");
      return { status: await receive(inbox, topic, request) };
    }),
    route("POST", "/events-dead", OWN_SIDECAR, async ({ request }) => {
      const body = await bodyOf(request);
      await inbox.receiveDead(parsed(body) ?? { raw: body });
      return { status: "SUCCESS" };
    }),
    route("GET", "/deadletters", OWN_SIDECAR, operator(() => letters.all())),
    route("POST", "/deadletters/replay", OWN_SIDECAR, operator(() =>
      letters.replay((event) => inbox.receiveOne(event)),
    )),
  ];
}

const route = (method: string, pattern: string, caller: string, answer: Route["answer"]): Route => ({
  method, pattern: new RegExp(`^${pattern}$`), caller, answer,
});

async function answer(request: IncomingMessage, parts: Parts, routes: readonly Route[]): Promise<unknown> {
  const { pathname } = new URL(request.url ?? "/", "http://localhost");
  if (request.method === "GET" && pathname === "/healthz") return { status: "ok" };
  if (request.method === "GET" && pathname === "/readyz") {
    if (await parts.sidecar.isReady()) return { status: "ok" };
    throw new Failure(503, "unavailable", "The sidecar is not ready.");
  }
  if (!isSame(request.headers["dapr-api-token"], parts.token)) {
    throw unauthenticated("This route is for the sidecar. Call it through Dapr.");
  }
  const found = routes.find((each) => each.method === request.method && each.pattern.test(pathname));
  if (!found) throw notFound("There is no such route.");
  if (callerOf(request) !== found.caller) {
    throw forbidden("The access file does not name the caller for this route.");
  }
  const path = (found.pattern.exec(pathname) ?? []).slice(1).map(unquoted);
  return await found.answer({ request, path });
}

/** The service that calls, or the own sidecar. The header comes once, and is never empty. */
function callerOf(request: IncomingMessage): string {
  const names = request.headersDistinct["dapr-caller-app-id"] ?? [];
  if (names.length > 1 || names[0] === "") throw forbidden("The caller must be named once.");
  return names[0] ?? OWN_SIDECAR;
}

async function checkOperator(request: IncomingMessage, sidecar: Parts["sidecar"]): Promise<void> {
  const given = request.headersDistinct["microgram-operator-token"] ?? [];
  const refused = forbidden("This route is for the operator: use ./tye-like-run.sh.");
  if (given.length !== 1 || !given[0] || given[0].length > 200) throw refused;
  const expected = await sidecar.secret("operator-token-sha256");
  const digest = createHash("sha256").update(given[0]).digest("hex");
  if (!expected || !isSame(digest, expected)) throw refused;
}

function subscriptions(): unknown {
  const topics = Object.keys(producers).map((topic) => ({
    pubsubname: "pubsub", topic, route: `/events/${topic}`, deadLetterTopic: DEAD_TOPIC,
  }));
  return [...topics, { pubsubname: "pubsub", topic: DEAD_TOPIC, route: "/events-dead" }];
}

async function receive(inbox: Parts["inbox"], topic: string, request: IncomingMessage): Promise<string> {
  try {
    await inbox.receive(topic, eventsOf(parsed(await bodyOf(request))));
    return "SUCCESS";
  } catch (error) {
    if (!(error instanceof Poison)) return "RETRY";
    log.error("no message", { why: error.message });
    return "DROP";
  }
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY) throw tooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function unquoted(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw invalid("The path is not valid.");
  }
}

/** Whether two texts are the same, in a time that does not depend on where they differ. */
function isSame(given: unknown, expected: string): boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return typeof given === "string" && timingSafeEqual(digest(given), digest(expected));
}

function refuse(response: ServerResponse, error: unknown): void {
  if (!(error instanceof Failure)) log.error("a request failed", { why: reasonOf(error) });
  const known = error instanceof Failure ? error : new Failure(500, "internal", "The service failed.");
  send(response, known.status, { code: known.code, message: known.message });
}

function send(response: ServerResponse, status: number, body: unknown): void {
  if (response.headersSent) return;
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}
