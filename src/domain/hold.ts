// Pure: no I/O, no clock, no randomness.

/** Why nothing is sent from a database, as posthorn.held() says it. */
export interface Hold {
  /** The database is a copy or was moved; it belongs to another environment; or somebody holds it by request. */
  readonly kind: 'copy' | 'environment' | 'request';
  /** A sentence without its full stop. */
  readonly reason: string;
}

/** What to run, by whom POSTHORN_ENVIRONMENT is this; empty: not set. */
export function waysToResume(environment: string): string {
  const argument = environment === '' ? '' : `environment => '${environment}'`;
  return `"posthorn resume", or in psql: select posthorn.resume(${argument});`;
}

/** The reason and what to do, for a log and for people. */
export function holdText({ reason }: Hold, environment: string): string {
  return `Nothing is sent: ${reason}. If this database is to send webhooks, run ${waysToResume(environment)} To drop what waits, run "posthorn cancel --all" before. See docs/copies.md`;
}
