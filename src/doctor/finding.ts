// Pure: no I/O, no clock, no randomness.

/** ok, or how bad it is: a warning costs something, a failure loses or stops webhooks. */
export type FindingStatus = 'ok' | 'warn' | 'fail';

/** The result of a check. */
export interface Finding {
  readonly check: string;
  readonly status: FindingStatus;
  readonly found: string;
  /** The rule that was checked, and its reason. */
  readonly rule: string;
  /** A command, a setting, or where to look. Null: the check is ok. */
  readonly remedy: string | null;
}

/** The possible findings of a check. */
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

/** The worst status among the findings; ok when there are none. */
export function worstOf(findings: readonly Finding[]): FindingStatus {
  const has = (status: FindingStatus) => findings.some((finding) => finding.status === status);
  if (has('fail')) return 'fail';
  return has('warn') ? 'warn' : 'ok';
}
