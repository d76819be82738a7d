import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';

/*
 * What tests need around them: a database, receivers, engines.
 *
 *     const database = forFile(createTestDatabase);
 *     const engine = forFile(() => startEngine(database));
 *     const receiver = forEachTest(startReceiver);
 *
 * They are opened in this order and disposed of in the reverse one.
 */

/** Opens something before the first test of the file, or of the `describe` that this stands in; disposes of it after the last. */
export function forFile<Thing extends AsyncDisposable>(open: () => Promise<Thing>): Thing {
  return opened(open, { before: beforeAll, after: afterAll });
}

/** Opens something before each test, and disposes of it after the test. */
export function forEachTest<Thing extends AsyncDisposable>(open: () => Promise<Thing>): Thing {
  return opened(open, { before: beforeEach, after: afterEach });
}

/** Stands for the thing that is open now, so that it can be a constant of the file. */
function opened<Thing extends AsyncDisposable>(
  open: () => Promise<Thing>,
  hooks: {
    readonly before: (hook: () => Promise<void>) => void;
    readonly after: (hook: () => Promise<void>) => void;
  },
): Thing {
  let current: Thing | undefined;
  hooks.before(async () => {
    current = await open();
  });
  hooks.after(async () => {
    // Undefined when it could not be opened: the tests have failed by that.
    await current?.[Symbol.asyncDispose]();
    current = undefined;
  });
  return new Proxy({} as Thing, {
    get(_, name) {
      if (current === undefined) throw new Error(`Not open yet, or no more: ${String(name)}`);
      const value: unknown = Reflect.get(current, name, current);
      return typeof value === 'function' ? value.bind(current) : value;
    },
  });
}
