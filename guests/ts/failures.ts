/** Errors, as docs/protocol.md names them. */

/** An error for the caller: a status, a word for programs and a sentence for people. */
export class Failure extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** A key is not as its writer has read it. */
export class Conflict extends Error {}

/** An event that no retry can help. */
export class Poison extends Error {}

export const unauthenticated = (message: string) => new Failure(401, "unauthenticated", message);
export const forbidden = (message: string) => new Failure(403, "forbidden", message);
export const notFound = (message: string) => new Failure(404, "not_found", message);
export const taken = (message: string) => new Failure(409, "conflict", message);
export const tooLarge = () => new Failure(413, "too_large", "The request is too large.");
export const invalid = (message: string) => new Failure(422, "invalid", message);

/** Nothing happened: the caller may repeat. */
export const unavailable = (message: string) => new Failure(503, "unavailable", message);

/** It may have happened. */
export const outcomeUnknown = (message: string) => new Failure(504, "outcome_unknown", message);

/** Whether a repetition may help. */
export const isTransient = (error: unknown): boolean =>
  error instanceof Conflict || error instanceof Failure;

export const reasonOf = (error: unknown) => (error instanceof Error ? error.message : String(error));
