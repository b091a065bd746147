/** Checks access tokens with the keys and revocations of auth. */

import { createPublicKey, verify, type KeyObject } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";

import { forbidden, reasonOf, unauthenticated, unavailable } from "./failures.ts";
import { log } from "./log.ts";

const ISSUER = "microgram";
const LEEWAY = 5;
/** Seconds for which auth holds the question for revocations. */
const WAIT = 10;
const PAUSE = 1_500;
const MAX_KEYS_AGE = 30_000;
const MAX_REVOCATIONS_AGE = 120_000;

/** How a GET route of another service is asked. */
export interface Asks {
  invoke(app: string, path: string, timeout?: number): Promise<string>;
}

interface Claims {
  readonly iss: string;
  readonly exp: number;
  readonly iat: number;
  readonly jti: string;
  readonly sub?: string;
  readonly scope?: string;
}

export class TokenVerifier {
  readonly #services: Asks;
  #keys = new Map<string, KeyObject>();
  #keysAt = -Infinity;
  readonly #revoked = new Set<string>();
  readonly #validFrom = new Map<string, number>();
  #next = 0;
  #revokedAt = -Infinity;

  constructor(services: Asks) {
    this.#services = services;
  }

  /** Follow keys and revocations for as long as the signal is not aborted. */
  async watch(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const asked = Date.now();
      try {
        if (Date.now() - this.#keysAt > MAX_KEYS_AGE) await this.#fetchKeys();
        await this.#readRevocations();
      } catch (error) {
        log.warning("cannot read the revocations", { why: reasonOf(error) });
      }
      const pause = Math.max(0, PAUSE - (Date.now() - asked));
      await sleep(pause, undefined, { signal }).catch(() => {});
    }
  }

  /** The user of a token that covers a scope. Throws Failure. */
  async userOf(authorization: string | undefined, scope: string): Promise<string> {
    const [kind, token] = (authorization ?? "").split(" ", 2);
    if (kind.toLowerCase() !== "bearer" || !token) throw unauthenticated("An access token is needed.");
    const claims = await this.#read(token);
    if (this.#isStale) {
      await this.#readRevocations().catch(() => {
        throw unavailable("Tokens cannot be checked, since auth does not answer.");
      });
    }
    const user = claims.sub ?? "";
    if (this.#revoked.has(claims.jti) || claims.iat < (this.#validFrom.get(user) ?? 0)) {
      throw unauthenticated("The access token was revoked or has expired.");
    }
    if (!covers(claims.scope ?? "", scope)) {
      throw forbidden(`The access token does not cover the scope ${scope}.`);
    }
    if (!user) throw forbidden("The access token belongs to no user.");
    return user;
  }

  get #isStale(): boolean {
    return Date.now() - this.#revokedAt > MAX_REVOCATIONS_AGE;
  }

  async #read(token: string): Promise<Claims> {
    const parts = token.split(".");
    const wrong = unauthenticated("The access token is invalid.");
    const header = decoded<{ alg: string; kid: string }>(parts[0]);
    if (parts.length !== 3 || header?.alg !== "EdDSA") throw wrong;
    const key = await this.#key(String(header.kid));
    const signature = Buffer.from(parts[2], "base64url");
    if (!verify(null, Buffer.from(`${parts[0]}.${parts[1]}`), key, signature)) throw wrong;
    const claims = decoded<Claims>(parts[1]);
    if (!claims || !isValid(claims, Date.now() / 1_000)) throw wrong;
    return claims;
  }

  async #key(kid: string): Promise<KeyObject> {
    if (!this.#keys.has(kid) && Date.now() - this.#keysAt > PAUSE) {
      await this.#fetchKeys().catch(() => {
        throw unavailable("Tokens cannot be checked, since auth does not answer.");
      });
    }
    const key = this.#keys.get(kid);
    if (!key) throw unauthenticated("The access token is signed with an unknown key.");
    return key;
  }

  async #fetchKeys(): Promise<void> {
    const answer = JSON.parse(await this.#services.invoke("auth", "jwks", 2_000));
    this.#keys = new Map(
      answer.keys.map((key: { kid: string; x: string }) => [
        key.kid,
        createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x: key.x }, format: "jwk" }),
      ]),
    );
    this.#keysAt = Date.now();
  }

  /**
   * Ask until auth has no more: an answer has only some of them. The first question does not wait,
   * and no token is good before all are known.
   */
  async #readRevocations(): Promise<void> {
    let wait = this.#isStale ? 0 : WAIT;
    for (;;) {
      const path = `revocations?after=${this.#next}&wait=${wait}`;
      const text = await this.#services.invoke("auth", path, (wait + 2) * 1_000);
      const answer = JSON.parse(text) as { revoked: string[]; next: number };
      for (const entry of answer.revoked) this.#revoke(entry);
      const isComplete = !answer.revoked.length || answer.next <= this.#next;
      this.#next = answer.next;
      if (isComplete || wait) this.#revokedAt = Date.now();
      if (isComplete) return;
      wait = 0;
    }
  }

  /** Take an id of a token, or `user:ID:SECOND` for all tokens issued before that second. */
  #revoke(entry: string): void {
    const [kind, user, second] = entry.split(":");
    if (kind !== "user" || second === undefined) this.#revoked.add(entry);
    else this.#validFrom.set(user, Math.max(Number(second), this.#validFrom.get(user) ?? 0));
  }
}

function isValid(claims: Claims, now: number): boolean {
  const isWhole = claims.iss === ISSUER && typeof claims.jti === "string" && claims.jti !== "";
  return isWhole && claims.exp > now - LEEWAY && claims.iat < now + LEEWAY;
}

/** Whether scopes cover one: `read` covers `read:shop`. */
function covers(scopes: string, wanted: string): boolean {
  const own = scopes.split(" ");
  return own.includes(wanted) || own.includes(wanted.split(":")[0]);
}

function decoded<T>(part: string): T | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, "base64url").toString());
    return typeof value === "object" && value !== null ? (value as T) : undefined;
  } catch {
    return undefined;
  }
}

