import type { Context } from 'hono';
import { UniqueIntegrityConstraintViolationError } from 'slonik';
import { z } from 'zod';
import { notFound, type Problem, shown } from '../input/problem.ts';
import { tenantChange, tenantRename } from '../input/tenant-fields.ts';
import {
  changeTenant,
  findTenant,
  forgetTenant,
  listTenants,
  renameTenant,
  tenantRow,
} from '../queries/tenants.ts';
import { answerProblem } from './answer-problem.ts';
import type { ApiEnv } from './api-env.ts';
import { countUpTo, nameParameter, parameterProblem, readParameters } from './parameters.ts';
import type { Route } from './route.ts';
import { readRequest } from './route-input.ts';
import type { RouteOptions } from './route-options.ts';

/** Look at tenants, name and limit them, give their endpoints to another id. */
export function tenantRoutes(options: RouteOptions): readonly Route[] {
  return [
    {
      method: 'get',
      path: '/tenants',
      name: 'listTenants',
      tag: 'tenants',
      summary: 'List tenants, in the order of their ids',
      details: 'Those with an endpoint or settings. A tenant needs no registration.',
      parameters: listSet,
      answers: { 200: { description: 'A page of them.', schema: page } },
      problems: [],
      handle: (c) => list(c, options),
    },
    {
      method: 'get',
      path: '/tenants/{tenant}',
      name: 'showTenant',
      tag: 'tenants',
      summary: 'Show a tenant',
      answers: { 200: { description: 'The tenant.', schema: tenantRow } },
      problems: ['tenant_not_found'],
      handle: (c, id) => show(c, { id, options }),
    },
    {
      method: 'patch',
      path: '/tenants/{tenant}',
      name: 'changeTenant',
      tag: 'tenants',
      summary: 'Change the name and the limits of a tenant',
      details:
        'What is left out stays, and null sets it to the default. The limits hold for all of its endpoints together, besides their own.',
      body: {
        schema: tenantChange.schema.meta({ id: 'TenantChange' }),
        isOptional: false,
        example: { name: 'Acme Corporation', max_in_flight: 20 },
      },
      answers: { 200: { description: 'As it is now.', schema: tenantRow } },
      problems: ['invalid_tenant'],
      handle: (c, id) => change(c, { id, options }),
    },
    {
      method: 'post',
      path: '/tenants/{tenant}/rename',
      name: 'renameTenant',
      tag: 'tenants',
      summary: 'Give the endpoints and the settings of a tenant to another id',
      details:
        'If there are endpoints with that id, they become one tenant. Events and idempotency keys stay with the old id.',
      body: {
        schema: tenantRename.schema.meta({ id: 'TenantRename' }),
        isOptional: false,
        example: { to: 'acme-2' },
      },
      answers: { 200: { description: 'As it is now.', schema: tenantRow } },
      problems: ['invalid_tenant', 'tenant_not_found', 'tenant_exists'],
      handle: (c, id) => rename(c, { id, options }),
    },
    {
      method: 'delete',
      path: '/tenants/{tenant}',
      name: 'forgetTenant',
      tag: 'tenants',
      summary: 'Delete the settings of a tenant',
      details: 'Its endpoints and its history stay.',
      answers: { 204: { description: 'Deleted.', schema: null } },
      problems: ['tenant_not_found'],
      handle: (c, id) => forget(c, { id, options }),
    },
  ];
}

interface Target {
  readonly id: string;
  readonly options: RouteOptions;
}

const listSet = {
  limit: countUpTo(200, { usual: 50, description: 'Of a page.' }),
  after: nameParameter('next_after of the page before.'),
};

const page = z
  .object({
    tenants: z.array(tenantRow),
    next_after: z.string().nullable().describe('Null: this is the last page.'),
  })
  .meta({ id: 'TenantPage' });

async function list(c: Context<ApiEnv>, { pool }: RouteOptions): Promise<Response> {
  const read = readParameters(new URL(c.req.url).searchParams, listSet);
  if (!read.ok) return answerProblem(c, parameterProblem(read.errors));
  const { tenants, after } = await listTenants(pool, read.values);
  return c.json({ tenants, next_after: after });
}

async function show(c: Context<ApiEnv>, { id, options }: Target): Promise<Response> {
  const tenant = await findTenant(options.pool, id);
  return tenant === undefined ? answerProblem(c, notFound('tenant', id)) : c.json(tenant);
}

const fields = { kind: 'invalid_tenant', maxBytes: 16_384, isOptional: false } as const;

async function change(c: Context<ApiEnv>, { id, options }: Target): Promise<Response> {
  const read = await readRequest(c, tenantChange, fields);
  if (!read.ok) return answerProblem(c, read.problem);
  if (Object.keys(read.fields).length === 0) {
    const detail = `Nothing to change: give one of ${Object.keys(tenantChange.schema.shape).join(', ')}`;
    return answerProblem(c, { kind: 'invalid_tenant', code: 'nothing_to_change', detail });
  }
  await changeTenant(options.pool, { id, values: read.fields });
  return show(c, { id, options });
}

async function rename(c: Context<ApiEnv>, { id, options }: Target): Promise<Response> {
  const read = await readRequest(c, tenantRename, fields);
  if (!read.ok) return answerProblem(c, read.problem);
  const { to } = read.fields;
  const tenant = await findTenant(options.pool, id);
  if (tenant === undefined) return answerProblem(c, notFound('tenant', id));
  try {
    await renameTenant(options.pool, { id, to });
  } catch (error) {
    if (error instanceof UniqueIntegrityConstraintViolationError) {
      return answerProblem(c, exists(to));
    }
    throw error;
  }
  return show(c, { id: to, options });
}

function exists(id: string): Problem {
  return { kind: 'tenant_exists', detail: `The tenant "${shown(id)}" has settings already` };
}

async function forget(c: Context<ApiEnv>, { id, options }: Target): Promise<Response> {
  const hadSettings = await forgetTenant(options.pool, id);
  if (hadSettings || (await findTenant(options.pool, id)) !== undefined) return c.body(null, 204);
  return answerProblem(c, notFound('tenant', id));
}
