/*
 * What the JavaScript examples share: how they are asked for checks and answer. Nothing of it belongs into an application.
 */

/** Where the webhooks of the checks go. */
export const hooks = process.env['WEBHOOK_URL'] ?? 'http://127.0.0.1:9000';

/** The card is declined, so the whole order is undone. */
export async function declined(): Promise<never> {
  throw new Error('The card was declined');
}

/** What a promise fails with, which it must. */
export async function failureOf(promise: Promise<unknown>): Promise<Error> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof Error) return error;
    throw error;
  }
  throw new Error('This should have failed');
}

/** Runs the checks that the command line names, and prints a line of JSON for each. */
export async function answer(
  checks: Readonly<Record<string, () => Promise<object>>>,
): Promise<void> {
  for (const name of process.argv.slice(2)) {
    const check = checks[name];
    if (check === undefined) {
      throw new Error(`Unknown check "${name}". There are ${Object.keys(checks).join(', ')}`);
    }
    console.log(JSON.stringify({ check: name, ...(await check()) }));
  }
}
