/** The way to everything outside of this process: daprd, over HTTP. */

import { Conflict, Failure, outcomeUnknown, unavailable } from "./failures.ts";
import { traceHeaders } from "./trace.ts";

const STATE_TIMEOUT = 3_000;
const INVOKE_TIMEOUT = 10_000;
const MAX_KEYS = 100;

/** A value of the state store, with the version of its key. */
export interface Entry {
  readonly value: unknown;
  readonly etag: string;
}

/** The part of the sidecar that keeps state: what tests replace. */
export interface StateStore {
  get(keys: readonly string[]): Promise<Map<string, Entry>>;
  /** Without an ETag the key must not exist. Throws Conflict. */
  save(key: string, value: unknown, etag: string, ttl: number): Promise<void>;
  delete(key: string): Promise<void>;
}

interface Call {
  readonly body?: unknown;
  readonly timeout?: number;
}

export class Sidecar implements StateStore {
  readonly #base: string;
  readonly #token: string;

  constructor(port: string, token: string) {
    this.#base = `http://127.0.0.1:${port}/v1.0`;
    this.#token = token;
  }

  /** Read keys; absent ones are not in the result. */
  async get(keys: readonly string[]): Promise<Map<string, Entry>> {
    const found = new Map<string, Entry>();
    for (let start = 0; start < keys.length; start += MAX_KEYS) {
      const asked = { keys: keys.slice(start, start + MAX_KEYS), parallelism: 20 };
      const text = await this.#call("POST", "/state/statestore/bulk", { body: asked });
      for (const row of text ? JSON.parse(text) : []) {
        if (row.error) throw unavailable(`The state store could not read every key: ${row.error}`);
        if (row.data !== undefined && row.data !== null) {
          found.set(row.key, { value: row.data, etag: row.etag });
        }
      }
    }
    return found;
  }

  async save(key: string, value: unknown, etag: string, ttl: number): Promise<void> {
    const options = { concurrency: "first-write", consistency: "strong" };
    const item: Record<string, unknown> = { key, value, options };
    if (etag) item.etag = etag;
    if (ttl) item.metadata = { ttlInSeconds: String(Math.ceil(ttl)) };
    await this.#call("POST", "/state/statestore", { body: [item] });
  }

  async delete(key: string): Promise<void> {
    await this.#call("DELETE", `/state/statestore/${encodeURIComponent(key)}`);
  }

  /** The text that a GET route of another service answers. */
  async invoke(app: string, path: string, timeout = INVOKE_TIMEOUT): Promise<string> {
    return await this.#call("GET", `/invoke/${app}/method/${path}`, { timeout });
  }

  /** A secret; a missing one is empty. */
  async secret(name: string): Promise<string> {
    try {
      return JSON.parse(await this.#call("GET", `/secrets/secretstore/${name}`))[name] ?? "";
    } catch (error) {
      if (error instanceof Failure && error.message.includes(`secret ${name} not found`)) return "";
      throw error;
    }
  }

  /** Whether the sidecar runs and has loaded its components. */
  async isReady(): Promise<boolean> {
    return await this.#call("GET", "/healthz/outbound", { timeout: 1_000 }).then(
      () => true,
      () => false,
    );
  }

  async #call(method: string, path: string, call: Call = {}): Promise<string> {
    let status: number, text: string;
    try {
      const answer = await fetch(this.#base + path, {
        method,
        headers: {
          ...traceHeaders(),
          "content-type": "application/json",
          "dapr-api-token": this.#token,
        },
        body: call.body === undefined ? undefined : JSON.stringify(call.body),
        signal: AbortSignal.timeout(call.timeout ?? STATE_TIMEOUT),
      });
      [status, text] = [answer.status, await answer.text()];
    } catch (error) {
      throw connectionFailure(error, `${method} ${path}`);
    }
    if (status >= 400) throw sidecarFailure(status, text, path);
    return text;
  }
}

function connectionFailure(error: unknown, call: string): Failure {
  const cause = error instanceof Error ? (error.cause as { code?: string } | undefined) : undefined;
  return cause?.code === "ECONNREFUSED"
    ? unavailable("The Dapr sidecar of this service is not reachable.")
    : outcomeUnknown(`No answer to ${call}.`);
}

const NOT_SENT = ["no host found", "couldn't find service", "connection refused", "failed to resolve"];
const BROKEN = ["timeout", "eof", "connection", "broken pipe", "dial tcp", "loading", "readonly"];
const EXISTS = ["no item was updated", "duplicate entry", "user_script"];

/** What an error of the sidecar means, as docs/dapr-notes.md found it. */
export function sidecarFailure(status: number, text: string, path: string): Failure | Conflict {
  const answer = parsed(text);
  const message = String(answer.message ?? "");
  if (!answer.errorCode) return new Failure(status, String(answer.code ?? "failed"), message);
  if (isConflict(message)) return new Conflict(message);
  const lowered = message.toLowerCase();
  const isMissing = /_NOT_(FOUND|CONFIGURED)$/.test(String(answer.errorCode));
  const wasNotSent = path.startsWith("/invoke/") && NOT_SENT.some((part) => lowered.includes(part));
  return isMissing || wasNotSent ? unavailable(message) : outcomeUnknown(message);
}

/** The texts by which stores refuse a write: each has its own. */
function isConflict(message: string): boolean {
  const lowered = message.toLowerCase();
  if (EXISTS.some((part) => lowered.includes(part))) return true;
  const reason = lowered.split("error from state store")[1] ?? "";
  return lowered.includes("etag") && !BROKEN.some((part) => reason.includes(part));
}

function parsed(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
