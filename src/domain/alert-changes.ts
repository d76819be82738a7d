// Pure: no I/O, no clock, no randomness.

import type { Finding } from './alert-rules.ts';

/** An alert that is not resolved. Ages are measured by the database's clock. */
export interface KnownAlert {
  readonly id: string;
  readonly rule: string;
  readonly subject: string;
  /** The step that was last announced; 0: none yet, because it may pass by itself. */
  readonly step: number;
  /** How long it has been found without a break. */
  readonly foundMs: number;
  /** How long it has not been found; null: it is found now. */
  readonly clearMs: number | null;
}

/** What to do with an alert. */
export type AlertChange =
  /** Found for the first time. It is announced at once, or only noted (step 0). */
  | { readonly kind: 'begin'; readonly finding: Finding; readonly step: number }
  /** Announce it, for the first time or again. */
  | {
      readonly kind: 'tell';
      readonly id: string;
      readonly finding: Finding;
      readonly isFirst: boolean;
    }
  /** Found again: refresh its text. */
  | { readonly kind: 'update'; readonly id: string; readonly finding: Finding }
  /** Found again while it was clearing. */
  | { readonly kind: 'return'; readonly id: string }
  /** Not found now: it is resolved if it stays so. */
  | { readonly kind: 'clear'; readonly id: string }
  | { readonly kind: 'resolve'; readonly id: string }
  /** It ended before it was announced. */
  | { readonly kind: 'forget'; readonly id: string };

/** Compares the findings of the rules with the alerts that are not resolved. */
export function alertChanges(
  findings: readonly Finding[],
  { known, resolveAfterMs }: { known: readonly KnownAlert[]; resolveAfterMs: number },
): AlertChange[] {
  const alerts = new Map(known.map((alert) => [keyOf(alert), alert]));
  const found = new Map(findings.map((finding) => [keyOf(finding), finding]));
  return [
    ...findings.flatMap((finding): AlertChange[] => {
      const alert = alerts.get(keyOf(finding));
      if (alert !== undefined) return changeOf(alert, finding);
      if (!finding.fires) return [];
      return [{ kind: 'begin', finding, step: finding.afterMs <= 0 ? finding.step : 0 }];
    }),
    ...known
      .filter((alert) => !found.has(keyOf(alert)))
      .flatMap((alert) => lost(alert, resolveAfterMs)),
  ];
}

function changeOf(alert: KnownAlert, finding: Finding): AlertChange[] {
  const { id, step } = alert;
  if (step === 0 && !finding.fires) return [{ kind: 'forget', id }];
  const changes: AlertChange[] = alert.clearMs === null ? [] : [{ kind: 'return', id }];
  const isDue = step > 0 || alert.foundMs >= finding.afterMs;
  if (finding.fires && isDue && finding.step > step) {
    changes.push({ kind: 'tell', id, finding, isFirst: step === 0 });
  } else {
    changes.push({ kind: 'update', id, finding });
  }
  return changes;
}

function lost({ id, step, clearMs }: KnownAlert, resolveAfterMs: number): AlertChange[] {
  if (step === 0) return [{ kind: 'forget', id }];
  if (clearMs === null) return [{ kind: 'clear', id }];
  return clearMs >= resolveAfterMs ? [{ kind: 'resolve', id }] : [];
}

function keyOf({ rule, subject }: { readonly rule: string; readonly subject: string }): string {
  return `${rule} ${subject}`;
}
