import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { isSealed, keyIdOf, openText, type SealedAs } from '../../src/domain/sealed-text.ts';
import { seal } from '../../src/secrets/seal.ts';
import { ringOf } from '../support/key-rings.ts';

const as: SealedAs = { endpointId: '019aaaaa-0000-7000-8000-000000000000', purpose: 'secret' };
const ring = ringOf('k1');

it('what is sealed opens again, whatever it is, and never looks the same twice', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 600 }), (text) => {
      const sealed = seal(text, { ring, as });
      expect(openText(sealed, { ring, as })).toEqual({ ok: true, text });
      expect(isSealed(sealed)).toBe(true);
      expect(keyIdOf(sealed)).toBe('k1');
      expect(seal(text, { ring, as })).not.toBe(sealed);
      if (text.length > 3) expect(sealed).not.toContain(text);
    }),
  );
});

it('an older key of the ring still opens what it sealed', () => {
  const sealed = seal('a secret', { ring, as });
  expect(openText(sealed, { ring: ringOf('k2', 'k1'), as })).toEqual({
    ok: true,
    text: 'a secret',
  });
});

it('says which key is missing', () => {
  const sealed = seal('a secret', { ring, as });
  const missing = { ok: false, why: 'missing', keyId: 'k1' };
  expect(openText(sealed, { ring: ringOf('k2'), as })).toEqual(missing);
  expect(openText(sealed, { ring: undefined, as })).toEqual(missing);
});

it('does not open for another endpoint, as something else, or under another id of a key', () => {
  const sealed = seal('a secret', { ring, as });
  const wrong = { ok: false, why: 'wrong', keyId: 'k1' };
  expect(openText(sealed, { ring, as: { ...as, endpointId: 'another' } })).toEqual(wrong);
  expect(openText(sealed, { ring, as: { ...as, purpose: 'headers' } })).toEqual(wrong);
  const key = ring.keys.get('k1');
  const renamed = { currentId: 'k9', keys: new Map(key === undefined ? [] : [['k9', key]]) };
  expect(openText(sealed.replace(':k1:', ':k9:'), { ring: renamed, as })).toMatchObject({
    ok: false,
    why: 'wrong',
  });
});

it('no byte of it can be changed, and no tag be cut short', () => {
  const [head = '', base64 = ''] = seal('a secret', { ring, as }).split(/(?<=:k1:)/);
  const bytes = Buffer.from(base64, 'base64');
  for (let at = 0; at < bytes.length; at += 1) {
    const changed = Buffer.from(bytes);
    changed[at] = (changed[at] ?? 0) ^ 1;
    const opened = openText(head + changed.toString('base64'), { ring, as });
    expect(opened).toEqual({ ok: false, why: 'wrong', keyId: 'k1' });
    expect(openText(head + bytes.subarray(0, at).toString('base64'), { ring, as }).ok).toBe(false);
  }
  for (const odd of ['sealed:', 'sealed:v1', 'sealed:v1:k1:', 'sealed:v2:k1:AAAA', `${head}!`]) {
    expect(openText(odd, { ring, as }).ok).toBe(false);
  }
});

it('what is plain is as it is', () => {
  const text = randomBytes(9).toString('base64');
  expect(openText(text, { ring: undefined, as })).toEqual({ ok: true, text });
  expect(seal(text, { ring: undefined, as })).toBe(text);
});
