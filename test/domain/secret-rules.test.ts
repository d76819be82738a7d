import { describe, expect, it } from 'vitest';
import { brokenSecretRule } from '../../src/domain/secret-rules.ts';
import { makeSecret } from '../../src/secrets/seal.ts';

const whsec = (bytes: number) => `whsec_${Buffer.alloc(bytes, 7).toString('base64')}`;
const ed25519 = makeSecret('ed25519');

describe('a secret may be used', () => {
  it.each([
    ['of one byte', 'x'],
    ['of 512 bytes', 'x'.repeat(512)],
    ['of 512 bytes in 256 letters', 'ü'.repeat(256)],
    ['with sealed: inside', 'my sealed: one'],
    ['whsec_ of 24 bytes', whsec(24)],
    ['whsec_ of 25 bytes', whsec(25)],
    ['whsec_ of 26 bytes', whsec(26)],
    ['whsec_ of 64 bytes', whsec(64)],
    ['whsec_ of 65 bytes', whsec(65)],
    ['whsk_ with both halves', ed25519],
  ])('%s', (_what, secret) => {
    expect(brokenSecretRule(secret)).toBeUndefined();
  });
});

describe('a secret is refused', () => {
  it.each([
    ['endpoints_secret_is_1_to_512_bytes', ''],
    ['endpoints_secret_is_1_to_512_bytes', 'x'.repeat(513)],
    ['endpoints_secret_is_1_to_512_bytes', `${'ü'.repeat(256)}x`],
    ['endpoints_secret_is_not_like_sealed', 'sealed:v1:k1:AAAA'],
    ['endpoints_secret_is_not_like_sealed', 'sealed:'],
    ['endpoints_secret_is_base64_after_whsec', 'whsec_'],
    ['endpoints_secret_is_base64_after_whsec', whsec(23)],
    ['endpoints_secret_is_base64_after_whsec', whsec(67)],
    ['endpoints_secret_is_base64_after_whsec', `${whsec(24)} `],
    ['endpoints_secret_is_base64_after_whsec', `${whsec(24)}A`],
    ['endpoints_secret_is_base64_after_whsec', whsec(25).replaceAll('=', '')],
    ['endpoints_secret_is_base64_after_whsec', whsec(24).replace('B', '-')],
    ['endpoints_secret_is_ed25519_after_whsk', 'whsk_'],
    ['endpoints_secret_is_ed25519_after_whsk', `${ed25519}=`],
    ['endpoints_secret_is_ed25519_after_whsk', ed25519.replace('==', '')],
    ['endpoints_secret_is_ed25519_after_whsk', `whsk_${Buffer.alloc(64).toString('base64')}`],
  ])('by %s: %j', (rule, secret) => {
    expect(brokenSecretRule(secret)).toBe(rule);
  });
});
