import { UniqueIntegrityConstraintViolationError } from 'slonik';
import { notFound } from '../input/problem.ts';
import { readFields } from '../input/read-fields.ts';
import { tenantRename } from '../input/tenant-fields.ts';
import { findTenant, listTenants, renameTenant } from '../queries/tenants.ts';
import { type Command, type Given, hasOption, jsonOption, numberOption } from './command.ts';
import { withDatabase } from './database.ts';
import { refuse, refuseUsage } from './problem-text.ts';
import { table, timeText } from './table.ts';
import { print, terminalOf } from './terminal.ts';

/** `posthorn tenants …`. */
export const tenantCommands: readonly Command[] = [
  {
    name: 'tenants list',
    summary: 'list tenants that have an endpoint or a name',
    options: {
      limit: { type: 'string', value: 'N', help: 'at most this many, 1 to 10000; default: 100' },
      ...jsonOption,
    },
    run: listTenantsCommand,
  },
  {
    name: 'tenants rename',
    summary: 'give the endpoints of a tenant to another id',
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
    timeText(tenant.created_at),
    tenant.name,
  ]);
  print(table(['ID', 'ENDPOINTS', 'NAMED', 'NAME'], rows, terminalOf(process.stdout)));
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
      return refuse(`The tenant "${newId}" has a name already`);
    });
    if (hasOption(given, 'json')) return print((await findTenant(pool, newId)) ?? {});
    print(`"${newId}" has ${endpoints} ${endpoints === 1 ? 'endpoint' : 'endpoints'} of "${id}".`);
  });
}
