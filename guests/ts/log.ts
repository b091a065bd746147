/** Logs: one JSON object a line. */

import { traceId } from "./trace.ts";

type Fields = Record<string, unknown>;

/** The service that writes. */
let service = "";

export function nameLogs(name: string): void {
  service = name;
}

function write(level: string, msg: string, fields: Fields): void {
  const trace_id = traceId();
  const line = { time: new Date().toISOString(), level, msg, service, ...fields };
  process.stdout.write(JSON.stringify(trace_id ? { ...line, trace_id } : line) + "\n");
}

export const log = {
  info: (msg: string, fields: Fields = {}) => write("INFO", msg, fields),
  warning: (msg: string, fields: Fields = {}) => write("WARNING", msg, fields),
  error: (msg: string, fields: Fields = {}) => write("ERROR", msg, fields),
};
