import { brokenSecretRule } from '../domain/secret-rules.ts';
import { secretTypes } from '../domain/signature.ts';
import { described, oneOf } from './fields.ts';
import { type FieldResult, refused } from './read-fields.ts';
import { readHeaders } from './send-headers.ts';
import { textOf } from './send-text.ts';

/** A secret that is sealed is looked into by no CHECK, so its rules are held to here. */
export function readSecret(json: string): FieldResult {
  const secret = textOf(json);
  if (secret === undefined) return refused('a string of well-formed Unicode without NUL');
  const rule = brokenSecretRule(secret);
  return rule === undefined ? { ok: true, value: secret } : { ok: false, faults: [{ rule }] };
}

/** Of a secret that is made up, or that is given. */
export const secretTypeField = described(
  'Of the secret that is made up if none is given.',
  oneOf(secretTypes),
);

const mostHeaderBytes = 8_192;

/** As those of a webhook, and the size, which a CHECK cannot see of what is sealed. */
export function readEndpointHeaders(json: string): FieldResult {
  const read = readHeaders(json);
  if (!read.ok) {
    const faults = read.faults.map((fault) =>
      'rule' in fault ? { ...fault, rule: fault.rule.replace(/^outbox_/, 'endpoints_') } : fault,
    );
    return { ok: false, faults };
  }
  const headers: Record<string, string> = JSON.parse(json);
  // None at all is the default, and not something to keep secret.
  if (Object.keys(headers).length === 0) return { ok: true, value: null };
  const text = JSON.stringify(headers);
  // jsonb's text has a blank after each colon and each comma.
  const bytes = Buffer.byteLength(text) + Math.max(0, Object.keys(headers).length * 2 - 1);
  return bytes <= mostHeaderBytes
    ? { ok: true, value: text }
    : { ok: false, faults: [{ rule: 'endpoints_headers_are_at_most_8_kib' }] };
}
