// Pure: no I/O, no clock, no randomness.

import { createHash } from 'node:crypto';

/** What is sent, by product and yardstick alike: a JSON body of 1 KB to one of many endpoints, each with its secret. */

/** Bytes of a body. */
export const bodyBytes = 1_024;

/** The endpoint's number is the path, so that the receiver knows whose secret signs. */
export function pathOf(endpoint: number | ''): string {
  return `/hook/${endpoint}`;
}

/** A secret as Standard Webhooks writes it: 32 bytes of key. Derived, so that every process knows it. */
export function secretOf(endpoint: number): string {
  return `whsec_${createHash('sha256').update(`endpoint ${endpoint}`).digest('base64')}`;
}

const opening = '{"type":"order.paid","sequence":"';
const middle = '","data":"';
const closing = '"}';
const sequenceDigits = 10;

/** What follows the sequence number: filler up to 1 KB. */
const ending = `${middle}${'x'.repeat(
  bodyBytes - opening.length - sequenceDigits - middle.length - closing.length,
)}${closing}`;

/** The body of the nth webhook. */
export function bodyOf(sequence: number): string {
  return `${opening}${String(sequence).padStart(sequenceDigits, '0')}${ending}`;
}
