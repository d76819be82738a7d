// Pure: no I/O, no clock, no randomness.

/** ok, or how bad: a warning works and costs something, a failure loses webhooks or stops them. */
export type FindingStatus = 'ok' | 'warn' | 'fail';

/** What a check found. */
export interface Finding {
  readonly check: string;
  readonly status: FindingStatus;
  readonly found: string;
  /** What it should be, and why. */
  readonly rule: string;
  /** A command, a setting, or what to look into. Null when all is well. */
  readonly remedy: string | null;
}

/** The findings that a check may come to. */
export interface Verdicts {
  ok(found: string): Finding;
  warn(found: string, remedy: string): Finding;
  fail(found: string, remedy: string): Finding;
}

export function verdictsOf(check: string, rule: string): Verdicts {
  return {
    ok: (found) => ({ check, status: 'ok', found, rule, remedy: null }),
    warn: (found, remedy) => ({ check, status: 'warn', found, rule, remedy }),
    fail: (found, remedy) => ({ check, status: 'fail', found, rule, remedy }),
  };
}

/** The worst of them; ok when there are none. */
export function worstOf(findings: readonly Finding[]): FindingStatus {
  const has = (status: FindingStatus) => findings.some((finding) => finding.status === status);
  if (has('fail')) return 'fail';
  return has('warn') ? 'warn' : 'ok';
}
