import fc from 'fast-check';
import { expect, it } from 'vitest';
import { uuidTimeMs } from '../../src/domain/uuid.ts';

it('is the time that the first 48 bits hold', () => {
  expect(uuidTimeMs('017f22e2-79b0-7cc3-98c4-dc0c0c07398f')).toBe(
    Date.parse('2022-02-22T19:22:22.000Z'),
  );
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 48 - 1 }), (ms) => {
      const hex = ms.toString(16).padStart(12, '0');
      expect(uuidTimeMs(`${hex.slice(0, 8)}-${hex.slice(8)}-7000-8000-000000000000`)).toBe(ms);
    }),
  );
});
