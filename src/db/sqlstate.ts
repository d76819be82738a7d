/** SQLSTATEs with their names in Postgres' documentation (Appendix A). */
const transientStates: Readonly<Record<string, string>> = {
  '40001': 'serialization_failure',
  '40P01': 'deadlock_detected',
  '53100': 'disk_full',
  '53200': 'out_of_memory',
  '53300': 'too_many_connections',
  '55P03': 'lock_not_available',
  '57014': 'query_canceled',
  '57P01': 'admin_shutdown',
  '57P02': 'crash_shutdown',
  '57P03': 'cannot_connect_now',
  '57P05': 'idle_session_timeout',
  '58030': 'io_error',
  '25006': 'read_only_sql_transaction',
};

const transientNodeCodes = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EMFILE',
]);

/**
 * Whether the same statement may succeed later: the server is away, restarting, full or busy. pg's errors for a lost
 * connection have no code, so an error without a SQLSTATE counts as one of the connection.
 */
export function isTransient(error: unknown): boolean {
  const code = codeOf(error);
  if (code === undefined) return true;
  return code.startsWith('08') || code in transientStates || transientNodeCodes.has(code);
}

/**
 * Whether the server reported that a statement failed, so that it did nothing. Without such a report (a lost
 * connection, class 08 or 57P, no SQLSTATE at all) the statement may have been committed.
 */
export function isFaultOfStatement(error: unknown): boolean {
  const code = codeOf(error) ?? '';
  return /^[0-9A-Z]{5}$/.test(code) && !/^(08|57P)/.test(code) && !/^E[A-Z]+$/.test(code);
}

/**
 * Whether the values themselves are at fault, so that the same statement can never succeed: data exceptions, violated
 * constraints, program limits (classes 22, 23 and 54). Other errors may pass.
 */
export function isFaultOfContent(error: unknown): boolean {
  return /^(22|23|54)/.test(codeOf(error) ?? '');
}

/**
 * Whether a single row may be at fault: its content, a damaged page (class XX), or a user's trigger that refuses it
 * (class P0).
 */
export function isFaultOfRow(error: unknown): boolean {
  return isFaultOfContent(error) || /^(XX|P0)/.test(codeOf(error) ?? '');
}

/** The SQLSTATE or Node error code of an error. */
export function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
