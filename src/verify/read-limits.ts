// Pure: no I/O, no clock, no randomness.

import { WebhookVerificationError } from './verification-error.ts';

/** The most that Posthorn sends. */
export const defaultMaxBytes = 1_048_576;

/** Refuses a body before it is read. @throws WebhookVerificationError */
export function checkLength(contentLength: string | undefined, maxBytes: number): void {
  if (!(maxBytes >= 0)) throw new TypeError('maxBytes must be a number from 0 on: it is not');
  if (contentLength !== undefined && Number(contentLength) > maxBytes) throw tooLarge(maxBytes);
}

export function tooLarge(maxBytes: number): WebhookVerificationError {
  return new WebhookVerificationError(
    'body_too_large',
    `The body must have at most ${maxBytes} bytes: it has more`,
  );
}

export function incomplete(cause?: unknown): WebhookVerificationError {
  return new WebhookVerificationError(
    'incomplete_body',
    'The body must arrive whole: the connection broke off',
    { cause },
  );
}

export function alreadyRead(whatToDo: string): WebhookVerificationError {
  return new WebhookVerificationError(
    'body_already_read',
    `The raw body must still be there, because it is what was signed: something has read it before. To mend that, ${whatToDo}`,
  );
}
