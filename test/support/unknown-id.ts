import { randomBytes } from 'node:crypto';

/** A UUID v7 of now that nothing has: one of long ago is of a webhook that may have been dropped. */
export function unknownId(): string {
  const ms = Date.now().toString(16).padStart(12, '0');
  const random = randomBytes(9).toString('hex');
  return `${ms.slice(0, 8)}-${ms.slice(8)}-7${random.slice(0, 3)}-a${random.slice(3, 6)}-${random.slice(6)}`;
}
