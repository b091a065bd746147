/** The context of a request: it goes into every call that the request causes. */

import { AsyncLocalStorage } from "node:async_hooks";
import { randomBytes } from "node:crypto";

export interface Trace {
  readonly parent: string;
  readonly state: string;
  readonly requestId: string;
}

const PARENT = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;
const REQUEST_ID = /^[A-Za-z0-9._-]{1,64}$/;
const current = new AsyncLocalStorage<Trace>();

/** The context that some headers name; what is missing in them is new. */
export function traceOf(parent = "", state = "", requestId = ""): Trace {
  const valid = PARENT.test(parent)
    ? parent
    : `00-${randomBytes(16).toString("hex")}-${randomBytes(8).toString("hex")}-00`;
  return { parent: valid, state, requestId: REQUEST_ID.test(requestId) ? requestId : valid.slice(3, 19) };
}

export const withTrace = <T>(trace: Trace, work: () => T): T => current.run(trace, work);
export const traceId = (): string => current.getStore()?.parent.slice(3, 35) ?? "";

/** The headers that carry the context on. */
export function traceHeaders(): Record<string, string> {
  const trace = current.getStore();
  if (!trace) return {};
  const headers = { traceparent: trace.parent, "x-request-id": trace.requestId };
  return trace.state ? { ...headers, tracestate: trace.state } : headers;
}
