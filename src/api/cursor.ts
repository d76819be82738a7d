import { createHmac, timingSafeEqual } from 'node:crypto';

const idBytes = 16;
const macBytes = 16;

/**
 * Writes a cursor, the opaque text that says where the next page of a list begins: the id, and a MAC over the id and the
 * filter. The MAC reveals a cursor that was made up, cut, or taken from a list with another filter, which would give a page
 * that means nothing. A cursor holds no secret and does not expire.
 */
export function writeCursor(
  id: string,
  { filter, key }: { readonly filter: string; readonly key: Uint8Array },
): string {
  const bytes = Buffer.from(id.replaceAll('-', ''), 'hex');
  return Buffer.concat([bytes, macOf(bytes, { filter, key })]).toString('base64url');
}

/** The id in a cursor; undefined if the cursor is not one of ours for this filter. */
export function readCursor(
  cursor: string,
  { filter, key }: { readonly filter: string; readonly key: Uint8Array },
): string | undefined {
  if (!/^[A-Za-z0-9_-]{43}$/.test(cursor)) return undefined;
  const bytes = Buffer.from(cursor, 'base64url');
  const id = bytes.subarray(0, idBytes);
  if (!timingSafeEqual(bytes.subarray(idBytes), macOf(id, { filter, key }))) return undefined;
  return id.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

function macOf(
  id: Uint8Array,
  { filter, key }: { readonly filter: string; readonly key: Uint8Array },
): Buffer {
  return createHmac('sha256', key).update(id).update(filter).digest().subarray(0, macBytes);
}
