/** The routes of the service, and who may call each. */

import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";

import { Failure, forbidden, invalid, notFound, Poison, reasonOf, tooLarge, unauthenticated } from "./failures.ts";
import { isId } from "./ids.ts";
import { eventsOf, type Inbox } from "./inbox.ts";
import type { DeadLetters } from "./letters.ts";
import { log } from "./log.ts";
import type { Sidecar } from "./sidecar.ts";
import type { TokenVerifier } from "./tokens.ts";
import { traceOf, withTrace } from "./trace.ts";

const MAX_BODY = 4 << 20;
/** The caller of a request of the own sidecar, which names none. */
const OWN_SIDECAR = "";

/** A request that its caller may send. */
export interface Asked {
  readonly request: IncomingMessage;
  /** What the path has in place of each `{name}` of the route, in order. */
  readonly path: readonly string[];
  readonly query: URLSearchParams;
  /** The user of the token, which must cover a scope. Throws Failure. */
  user(scope: string): Promise<string>;
  /** The body. Throws Failure for one that is no JSON object. */
  json(): Promise<Readonly<Record<string, unknown>>>;
}

export interface Route {
  /** Such as `GET /stories/{id}`. */
  readonly name: string;
  /** The services that may call it. */
  readonly callers: readonly string[];
  readonly answer: (asked: Asked) => Promise<unknown>;
}

/** Some of what belongs to a user, newest first. `next` is empty at the end. */
export interface ExportPage {
  readonly records: readonly unknown[];
  readonly next: string;
  readonly total: number;
}

/** The page of a user's data after a record; the first page for an empty id. */
export type Exporter = (user: string, after: string) => Promise<ExportPage>;

export interface Parts {
  readonly name: string;
  /** The token of the own sidecar. */
  readonly token: string;
  readonly sidecar: Pick<Sidecar, "isReady" | "secret">;
  readonly verifier: Pick<TokenVerifier, "userOf">;
  readonly inbox: Pick<Inbox, "receive" | "receiveDead" | "receiveOne">;
  readonly letters: Pick<DeadLetters, "all" | "replay">;
  readonly topics: readonly string[];
  readonly routes: readonly Route[];
  /** What belongs to a user, by its kind: media asks for it. */
  readonly exports: Readonly<Record<string, Exporter>>;
}

type Matched = Route & { readonly method: string; readonly pattern: RegExp };

/** Answers all requests: admits the sidecar by its token, and to each route its callers. */
export function createApp(parts: Parts): RequestListener {
  const routes = [...parts.routes, ...exportRoutes(parts), ...ownRoutes(parts)].map(matched);
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

function matched(route: Route): Matched {
  const [method, path] = route.name.split(" ");
  return { ...route, method, pattern: new RegExp(`^${path.replace(/{\w+}/g, "([^/]+)")}$`) };
}

function exportRoutes({ exports }: Parts): Route[] {
  const answer = async ({ path: [user, kind], query }: Asked) => {
    const after = query.get("after") ?? "";
    if (!isId(user) || (after && !isId(after))) throw invalid("user and after must be ids.");
    if (Object.hasOwn(exports, kind)) return await exports[kind](user, after);
    throw notFound(`This service exports no data of the kind "${kind}".`);
  };
  return [{ name: "GET /belongings/{user}/{kind}", callers: ["media"], answer }];
}

/** The routes of the own sidecar: subscriptions, messages, and dead letters for the operator. */
function ownRoutes({ name, sidecar, inbox, letters, topics }: Parts): Route[] {
  const own = (route: string, answer: Route["answer"]): Route => ({
    name: route, callers: [OWN_SIDECAR], answer,
  });
  const operator = (work: () => Promise<unknown>) => async ({ request }: Asked) => {
    await checkOperator(request, sidecar);
    return await work();
  };
  return [
    own("GET /dapr/subscribe", async () => subscriptions(topics, `${name}-dead`)),
    own("POST /events/{topic}", async ({ request, path: [topic] }) => {
      if (!topics.includes(topic)) throw notFound("There is no such topic.");
      return { status: await receive(inbox, topic, request) };
    }),
    own("POST /events-dead", async ({ request }) => {
      const body = await bodyOf(request);
      await inbox.receiveDead(parsed(body) ?? { raw: body });
      return { status: "SUCCESS" };
    }),
    own("GET /deadletters", operator(() => letters.all())),
    own("POST /deadletters/replay", operator(() => letters.replay((event) => inbox.receiveOne(event)))),
  ];
}

async function answer(request: IncomingMessage, parts: Parts, routes: readonly Matched[]): Promise<unknown> {
  const { pathname, searchParams: query } = new URL(request.url ?? "/", "http://localhost");
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
  if (!found.callers.includes(callerOf(request))) {
    throw forbidden("The access file does not name the caller for this route.");
  }
  const path = (found.pattern.exec(pathname) ?? []).slice(1).map(unquoted);
  const user = (scope: string) => parts.verifier.userOf(request.headers.authorization, scope);
  return await found.answer({ request, path, query, user, json: () => jsonOf(request) });
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

function subscriptions(topics: readonly string[], deadLetterTopic: string): unknown {
  const heard = topics.map((topic) => ({
    pubsubname: "pubsub", topic, route: `/events/${topic}`, deadLetterTopic,
  }));
  return [...heard, { pubsubname: "pubsub", topic: deadLetterTopic, route: "/events-dead" }];
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

async function jsonOf(request: IncomingMessage): Promise<Readonly<Record<string, unknown>>> {
  const body = parsed(await bodyOf(request));
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    throw invalid("The body must be a JSON object.");
  }
  return body as Record<string, unknown>;
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
