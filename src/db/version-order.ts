// Pure: no I/O, no clock, no randomness.

/** Whether a version of Posthorn is later than another, by the rules of Semantic Versioning. */
export function isLater(one: string, other: string): boolean {
  const [core, early] = partsOf(one);
  const [otherCore, otherEarly] = partsOf(other);
  const order = inNumbers(core, otherCore);
  if (order !== 0) return order > 0;
  // A release is later than its pre-releases: 1.0.0 than 1.0.0-beta.2.
  if (early === '' || otherEarly === '') return early === '' && otherEarly !== '';
  return inNumbers(early, otherEarly) > 0;
}

/** The parts before and after the first hyphen, without the build metadata. */
function partsOf(version: string): readonly [core: string, early: string] {
  const [named = ''] = version.split('+');
  const [core = '', ...early] = named.split('-');
  return [core, early.join('-')];
}

/** Compares as numbers: 10 comes after 9. */
function inNumbers(one: string, other: string): number {
  return one.localeCompare(other, 'en', { numeric: true });
}
