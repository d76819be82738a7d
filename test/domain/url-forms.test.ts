import { expect, it } from 'vitest';
import { normalisedUrl, urlForms } from '../../src/domain/url-forms.ts';

it.each([
  ['https://a.example/hook', ['https://a.example/hook']],
  ['https://a.example', ['https://a.example', 'https://a.example/']],
  ['HTTPS://A.Example:443/x?b=1', ['HTTPS://A.Example:443/x', 'https://a.example/x']],
  ['https://a.example/x?b=1?c\nd', ['https://a.example/x']],
  ['https://a.example/ü', ['https://a.example/ü', 'https://a.example/%C3%BC']],
  ['no url?x', ['no url']],
])('%j may be stored as %j', (text, forms) => {
  expect(urlForms(text)).toEqual(forms);
});

it('a form that is longer than any stored URL is none', () => {
  const start = 'https://a.example/ü';
  // Normalised, the letter takes 6 bytes in place of 2.
  const fits = start + 'x'.repeat(2_048 - 6 - 'https://a.example/'.length);
  expect(urlForms(fits)).toHaveLength(2);
  expect(urlForms(`${fits}x`)).toEqual([`${fits}x`]);
});

it('what is no URL has no normalised form', () => {
  expect(normalisedUrl('a.example')).toBeUndefined();
  expect(normalisedUrl('https://A.example')).toBe('https://a.example/');
});
