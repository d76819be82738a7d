// Pure: no I/O, no clock, no randomness.

/** An object or a function of a library, of which nothing is known yet. */
export type Thing = Readonly<Record<string, unknown>>;

export function isThing(value: unknown): value is Thing {
  return (typeof value === 'object' || typeof value === 'function') && value !== null;
}

export function has(thing: Thing, method: string): boolean {
  return typeof thing[method] === 'function';
}

export function call(thing: Thing, method: string, ...values: readonly unknown[]): unknown {
  return Reflect.apply(thing[method] as (...values: unknown[]) => unknown, thing, values);
}
