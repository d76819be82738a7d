// Pure: no I/O, no clock, no randomness.

/** Whether a version of Posthorn is later than another, by the rules of Semantic Versioning. */
export function isLater(one: string, other: string): boolean {
  const [core, early] = partsOf(one);
  const [otherCore, otherEarly] = partsOf(other);
  const order = inNumbers(core, otherCore);
  if (order !== 0) return order > 0;
  // A release is later than what came before it: 1.0.0 than 1.0.0-beta.2.
  if (early === '' || otherEarly === '') return early === '' && otherEarly !== '';
  return inNumbers(early, otherEarly) > 0;
}

/** What stands before and after the first hyphen, without what a build adds. */
function partsOf(version: string): readonly [core: string, early: string] {
  const [named = ''] = version.split('+');
  const [core = '', ...early] = named.split('-');
  return [core, early.join('-')];
}

/** 10 comes after 9. */
function inNumbers(one: string, other: string): number {
  return one.localeCompare(other, 'en', { numeric: true });
}
