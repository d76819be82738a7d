// Pure: no I/O, no clock, no randomness.

import { age, bytes, counted, listed } from '../amounts.ts';
import type { HorizonFacts } from '../facts/horizon.ts';
import { type Finding, verdictsOf } from '../finding.ts';

/**
 * In s. The queue turns over all the time: while its dead entries cannot be removed, every claim walks over them again.
 * A dump takes minutes, and a transaction that is open for an hour is never intended.
 */
const longS = 300;
const tooLongS = 3_600;

const manyTransactions = 1_000_000;
const muchWal = 1_073_741_824;
const tooMuchWal = 10 * muchWal;

export function judgeHorizon(
  facts: HorizonFacts,
  settings: Readonly<Record<string, string>>,
): Finding[] {
  return [
    judgeTransactions(facts),
    judgePrepared(facts),
    judgeStandbys(facts),
    judgeSlots(facts, settings['max_slot_wal_keep_size'] === '-1'),
  ];
}

function judgeTransactions({ transactions }: HorizonFacts): Finding {
  const { ok, warn, fail } = verdictsOf(
    'open transactions',
    `none is older than ${age(longS)}: vacuum keeps all rows that the oldest might still see, which slows claims`,
  );
  const old = transactions.filter(({ age_s: ageS }) => ageS > longS);
  const [oldest] = old;
  if (oldest === undefined) {
    const [first] = transactions;
    return ok(first === undefined ? 'none' : `the oldest for ${age(first.age_s)}`);
  }
  const found = old.map(
    ({ pid, role, application, state, age_s: ageS }) =>
      `${state ?? 'open'} for ${age(ageS)} (pid ${pid}, ${role}${application ? `, ${application}` : ''})`,
  );
  const idle = old.some(({ state }) => state?.startsWith('idle') === true)
    ? ' To end idle ones by itself, set idle_in_transaction_session_timeout.'
    : '';
  const remedy = `End it if it should not run: select pg_terminate_backend(${oldest.pid});${idle}`;
  return oldest.age_s > tooLongS ? fail(listed(found, 3), remedy) : warn(listed(found, 3), remedy);
}

function judgePrepared({ prepared }: HorizonFacts): Finding {
  const { ok, warn, fail } = verdictsOf(
    'prepared transactions',
    `none is older than ${age(longS)}: a forgotten one holds vacuum back for ever, even across a restart`,
  );
  const [oldest] = prepared;
  if (oldest === undefined) return ok('none');
  const found = `${counted(prepared.length, 'transaction')}, ${oldest.gid} of ${oldest.owner} for ${age(oldest.age_s)}`;
  if (oldest.age_s <= longS) return ok(found);
  const remedy = `commit prepared or rollback prepared '${oldest.gid.replaceAll("'", "''")}';`;
  return oldest.age_s > tooLongS ? fail(found, remedy) : warn(found, remedy);
}

/** Queries on a standby keep rows here if it sends feedback. The start of such a query is not known here. */
function judgeStandbys({ standbys }: HorizonFacts): Finding {
  const { ok, warn } = verdictsOf(
    'standbys',
    `none holds rows from more than ${manyTransactions} transactions ago (hot_standby_feedback)`,
  );
  const [oldest] = standbys;
  if (oldest === undefined) return ok('none holds rows');
  const found = `${oldest.application ?? 'one'} holds rows from ${oldest.xmin_age} transactions ago`;
  return oldest.xmin_age > manyTransactions
    ? warn(found, 'Look for a long query on that standby.')
    : ok(found);
}

function judgeSlots({ slots }: HorizonFacts, isUnlimited: boolean): Finding {
  const { ok, warn, fail } = verdictsOf(
    'replication slots',
    'each is in use: WAL that a slot has not read stays on this disk, and so do dead rows if the slot has an xmin',
  );
  if (slots.length === 0) return ok('none');
  const bad = slots.filter(
    ({ is_active: isActive, retained_bytes: retained, xmin_age: xminAge }) =>
      !isActive || (retained ?? 0) > muchWal || (xminAge ?? 0) > manyTransactions,
  );
  if (bad.length === 0) return ok(`${counted(slots.length, 'slot')}, in use`);
  const found = bad.map(
    (slot) =>
      `${slot.name} ${slot.is_active ? 'lags' : 'is not in use'}, holds ${bytes(slot.retained_bytes ?? 0)} of WAL` +
      `${slot.xmin_age === null ? '' : ` and rows from ${slot.xmin_age} transactions ago`}` +
      `${slot.wal_status === 'lost' ? ' and has lost WAL that it needs' : ''}`,
  );
  const unused = bad.filter(({ is_active: isActive }) => !isActive);
  const remedy = [
    ...unused.map(
      ({ name }) => `If its reader will not come back: select pg_drop_replication_slot('${name}');`,
    ),
    ...(unused.length < bad.length ? ['Find out why the reader of the slot lags.'] : []),
    ...(isUnlimited ? ['max_slot_wal_keep_size limits what a slot may hold.'] : []),
  ].join(' ');
  const isHard = bad.some(
    ({ is_active: isActive, retained_bytes: retained, xmin_age: xminAge }) =>
      (retained ?? 0) > tooMuchWal || (!isActive && (xminAge ?? 0) > manyTransactions),
  );
  return isHard ? fail(listed(found, 3), remedy) : warn(listed(found, 3), remedy);
}
