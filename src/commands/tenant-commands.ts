import { UniqueIntegrityConstraintViolationError } from 'slonik';
import { invalid, notFound } from '../input/problem.ts';
import { readFields } from '../input/read-fields.ts';
import { tenantChange, tenantRename } from '../input/tenant-fields.ts';
import {
  changeTenant,
  findTenant,
  listTenants,
  renameTenant,
  type TenantRow,
} from '../queries/tenants.ts';
import {
  type Command,
  type CommandOption,
  type Given,
  hasOption,
  jsonOption,
  numberOption,
  textOption,
  UsageError,
} from './command.ts';
import { withDatabase } from './database.ts';
import { plain } from './endpoint-options.ts';
import { refuse, refuseUsage } from './problem-text.ts';
import { table, timeText } from './table.ts';
import { print, terminalOf } from './terminal.ts';

const settingOptions = {
  name: { type: 'string', value: 'NAME', help: 'for people' },
  'max-in-flight': { type: 'string', value: 'N', help: 'requests at the same time, 1 to 10000' },
  'rate-limit': { type: 'string', value: 'N', help: 'requests a second, 0.001 to 10000' },
  'max-waiting': {
    type: 'string',
    value: 'N',
    help: 'it is full when it has this many unfinished webhooks, 1 to 1000000000',
  },
  'refuse-when-full': {
    type: 'string',
    value: 'BOOL',
    among: ['true', 'false'],
    help: 'refuse new webhooks and events of it while it is full',
  },
} as const satisfies Readonly<Record<string, CommandOption>>;

/** The field that an option sets, if it is not the option's own name with underscores. */
const fieldOf: Readonly<Record<string, string>> = { 'rate-limit': 'rate_limit_per_s' };

/** `posthorn tenants …`. */
export const tenantCommands: readonly Command[] = [
  {
    name: 'tenants list',
    summary: 'list tenants that have an endpoint or settings',
    options: {
      limit: { type: 'string', value: 'N', help: 'at most this many, 1 to 10000; default: 100' },
      ...jsonOption,
    },
    run: listTenantsCommand,
  },
  {
    name: 'tenants change',
    summary: 'change the name and the limits of a tenant',
    details:
      'The limits hold for all of its endpoints and all workers together. Settings that are not given stay as they are. The word "default" resets one: no limit, no name.',
    arguments: [{ name: 'id' }],
    options: { ...settingOptions, ...jsonOption },
    run: changeTenantCommand,
  },
  {
    name: 'tenants rename',
    summary: 'give the endpoints and the settings of a tenant to another id',
    details: 'Events and idempotency keys stay with the old id.',
    arguments: [{ name: 'id' }, { name: 'to' }],
    options: jsonOption,
    run: renameTenantCommand,
  },
];

async function listTenantsCommand(given: Given): Promise<void> {
  const limit = numberOption(given, 'limit', { min: 1, max: 10_000, fallback: 100 });
  const { tenants } = await withDatabase((pool) => listTenants(pool, { limit }));
  if (hasOption(given, 'json')) return print({ tenants });
  if (tenants.length === 0) return print('No tenants.');
  const rows = tenants.map((tenant) => [
    tenant.id,
    String(tenant.endpoints),
    limitsText(tenant),
    tenant.full_since === null ? '' : timeText(tenant.full_since),
    tenant.name,
  ]);
  const head = ['ID', 'ENDPOINTS', 'LIMITS', 'FULL SINCE', 'NAME'];
  print(table(head, rows, terminalOf(process.stdout)));
}

function limitsText(tenant: TenantRow): string {
  const limits = [
    tenant.max_in_flight === null ? [] : `${tenant.max_in_flight} in flight`,
    tenant.rate_limit_per_s === null ? [] : `${tenant.rate_limit_per_s} a second`,
    tenant.max_waiting === null ? [] : `${tenant.max_waiting} waiting`,
    tenant.refuse_when_full ? 'refuses when full' : [],
  ].flat();
  return limits.length === 0 ? 'no limits' : limits.join(', ');
}

async function changeTenantCommand(given: Given): Promise<void> {
  const [id = ''] = given.arguments;
  const values: Record<string, unknown> = {};
  for (const option of Object.keys(settingOptions)) {
    const text = textOption(given, option);
    const field = fieldOf[option] ?? option.replaceAll('-', '_');
    const value = () => (option === 'name' ? text : plain(text ?? ''));
    if (text !== undefined) values[field] = text === 'default' ? null : value();
  }
  const read = readFields(values, tenantChange);
  if (!read.ok) refuseUsage(invalid('invalid_tenant', read.errors));
  if (Object.keys(read.fields).length === 0) {
    throw new UsageError(
      `Nothing to change: give one of --${Object.keys(settingOptions).join(', --')}`,
    );
  }
  await withDatabase(async (pool) => {
    await changeTenant(pool, { id, values: read.fields });
    const tenant = await findTenant(pool, id);
    if (tenant === undefined) refuse(notFound('tenant', id).detail);
    print(hasOption(given, 'json') ? tenant : `Changed: ${limitsText(tenant)}.`);
  });
}

async function renameTenantCommand(given: Given): Promise<void> {
  const [id = '', to] = given.arguments;
  const read = readFields({ to }, tenantRename);
  if (!read.ok) refuseUsage({ detail: '', errors: read.errors });
  const { to: newId } = read.fields;
  await withDatabase(async (pool) => {
    if ((await findTenant(pool, id)) === undefined) refuse(notFound('tenant', id).detail);
    const endpoints = await renameTenant(pool, { id, to: newId }).catch((error: unknown) => {
      if (!(error instanceof UniqueIntegrityConstraintViolationError)) throw error;
      return refuse(`The tenant "${newId}" has settings already`);
    });
    if (hasOption(given, 'json')) return print((await findTenant(pool, newId)) ?? {});
    print(`"${newId}" has ${endpoints} ${endpoints === 1 ? 'endpoint' : 'endpoints'} of "${id}".`);
  });
}
