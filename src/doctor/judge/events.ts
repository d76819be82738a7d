// Pure: no I/O, no clock, no randomness.

import { age, counted, listed } from '../amounts.ts';
import type { CatchUp, FanOut } from '../facts/events.ts';
import { type Finding, verdictsOf } from '../finding.ts';

export function judgeStrays(subscriptions: readonly string[]): Finding {
  const { ok, fail } = verdictsOf(
    'subscriptions',
    'agree with their endpoints: otherwise events go to an endpoint that must not have them, or not to one that should',
  );
  if (subscriptions.length === 0) return ok('agree with their endpoints');
  return fail(
    `${counted(subscriptions.length, 'subscription')} ${subscriptions.length === 1 ? 'differs' : 'differ'}: ${listed(subscriptions)}`,
    'posthorn doctor --repair',
  );
}

/** A worker looks for jobs that stand still every ten seconds. */
const stillS = 60;
const longStillS = 600;
const workersRemedy =
  'Make sure that a worker runs and look at its log: a step that fails is logged and tried again.';

export function judgeFanOuts(fanOuts: readonly FanOut[]): Finding {
  const { ok, warn, fail } = verdictsOf(
    'fan outs',
    'move: a job adds the webhooks of events with very many recipients, and receivers wait while it stands still',
  );
  const still = fanOuts.filter(({ still_s: forS }) => forS > stillS);
  const [longest] = still;
  if (longest === undefined) {
    return ok(fanOuts.length === 0 ? 'none' : `${counted(fanOuts.length, 'event')}, moving`);
  }
  const found = `${counted(still.length, 'event')} ${still.length === 1 ? 'stands' : 'stand'} still, for up to ${age(longest.still_s)}: ${listed(still.map(({ event_id: id }) => id))}`;
  return longest.still_s > longStillS ? fail(found, workersRemedy) : warn(found, workersRemedy);
}

const longS = 86_400;

export function judgeCatchUps(catchUps: readonly CatchUp[]): Finding {
  const { ok, warn, fail } = verdictsOf(
    'catch ups',
    'move and end within a day: what an endpoint missed is late until then, and an ordered endpoint is held',
  );
  const idsOf = (some: readonly CatchUp[]) => listed(some.map(({ endpoint_id: id }) => id));
  const lost = catchUps.filter(({ running_s: runningS }) => runningS === null);
  const [first] = lost;
  if (first !== undefined) {
    return fail(
      `no job for ${counted(lost.length, 'endpoint')} that ${lost.length === 1 ? 'waits' : 'wait'} for one: ${idsOf(lost)}`,
      `select posthorn.catch_up('${first.endpoint_id}', since => '<time>'); with the time since which it may have missed events.`,
    );
  }
  const still = catchUps.filter(({ still_s: forS }) => (forS ?? 0) > stillS);
  if (still.length > 0) {
    const longest = Math.max(...still.map(({ still_s: forS }) => forS ?? 0));
    const found = `${counted(still.length, 'endpoint')} ${still.length === 1 ? 'stands' : 'stand'} still, for up to ${age(longest)}: ${idsOf(still)}`;
    return longest > longStillS ? fail(found, workersRemedy) : warn(found, workersRemedy);
  }
  const long = catchUps.filter(({ running_s: runningS }) => (runningS ?? 0) > longS);
  if (long.length > 0) {
    const disabled = long.filter(({ is_disabled: isDisabled }) => isDisabled);
    return warn(
      `${counted(long.length, 'endpoint')} for up to ${age(long[0]?.running_s ?? 0)}: ${idsOf(long)}${disabled.length === 0 ? '' : `; disabled: ${idsOf(disabled)}`}`,
      'Enable an endpoint that is disabled, raise its rate (posthorn endpoints catch-up ID --since TIME --rate N), or end it (posthorn endpoints catch-up ID --cancel). It also waits for transactions that began before the endpoint was enabled: see open transactions.',
    );
  }
  return ok(catchUps.length === 0 ? 'none' : `${counted(catchUps.length, 'endpoint')}, moving`);
}
