// Pure: no I/O, no clock, no randomness.

import { readJsonObject } from '../domain/json-text.ts';
import { isReservedHeader } from '../domain/reserved-headers.ts';
import type { OutboxRuleName } from './outbox-rules.ts';
import type { FieldFault, FieldResult } from './read-fields.ts';
import { textOf } from './send-text.ts';

/**
 * Reads the webhook's own headers, and names each that breaks a rule. The value is passed on as JSON text: Postgres makes
 * the jsonb.
 *
 * The rules are those of the CHECKs, which hold for every producer but name no header and stop at the first. The limit of
 * 8 KiB is left to them: it counts jsonb's text.
 */
export function readHeaders(json: string): FieldResult {
  const object = readJsonObject(json);
  if (!object.ok) {
    return {
      ok: false,
      faults: [{ mustBe: 'an object of strings in which each name comes once' }],
    };
  }
  const faults: FieldFault[] = [];
  const seen = new Set<string>();
  for (const [name, json] of object.members) {
    const value = textOf(json);
    if (value === undefined || !name.isWellFormed() || name.includes('\0')) {
      faults.push({ mustBe: 'a string of printable ASCII', at: name });
      continue;
    }
    const broken = brokenByName(name, seen);
    if (broken !== undefined) faults.push({ rule: broken, header: name });
    if (/[^ -~]/.test(value)) {
      faults.push({ rule: 'outbox_headers_values_are_printable_ascii', header: name });
    }
    seen.add(name.toLowerCase());
  }
  return faults.length === 0 ? { ok: true, value: json } : { ok: false, faults };
}

const token = /^[-!#$%&'*+.^_`|~0-9A-Za-z]{1,128}$/;

function brokenByName(name: string, seen: ReadonlySet<string>): OutboxRuleName | undefined {
  if (!token.test(name)) return 'outbox_headers_names_are_tokens';
  if (isReservedHeader(name)) return 'outbox_headers_names_are_not_reserved';
  return seen.has(name.toLowerCase()) ? 'outbox_headers_names_are_unique' : undefined;
}
