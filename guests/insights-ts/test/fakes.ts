/** Events for tests. */

import { NOW } from "../../ts/testing.ts";
import type { AnyEvent } from "../src/models.ts";

/** An event as a producer sends it. */
export function event(type: string, subject: string, version: number, data: object): AnyEvent {
  const source = type.startsWith("f") || type.startsWith("account") ? "users" : "posts";
  return {
    id: `${type}:${subject}@${version}`, type, subject, entityversion: version, stream: "s", sequence: version,
    time: new Date(NOW).toISOString(), traceparent: "", data,
    source: type.startsWith("order") ? "orders" : type === "favourites.counted" ? "posts" : source,
  } as unknown as AnyEvent;
}
