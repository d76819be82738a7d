// Pure: no I/O, no clock, no randomness.

/** Why a database is held, as posthorn.held() returns it. */
export interface Hold {
  /** The database is a copy or was moved, it belongs to another environment, or an operator asked to hold it. */
  readonly kind: 'copy' | 'environment' | 'request';
  /** A sentence without its full stop. */
  readonly reason: string;
}

/** The commands that resume sending, for a process with this POSTHORN_ENVIRONMENT; empty: not set. */
export function waysToResume(environment: string): string {
  const argument = environment === '' ? '' : `environment => '${environment}'`;
  return `"posthorn resume", or in psql: select posthorn.resume(${argument});`;
}

/** The reason and what to do, for the log and for people. */
export function holdText({ reason }: Hold, environment: string): string {
  return `Nothing is sent: ${reason}. If this database is to send webhooks, run ${waysToResume(environment)} To drop the waiting webhooks, run "posthorn cancel --all" first. See docs/copies.md`;
}
