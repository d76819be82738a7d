import type { TestDatabase } from './database.ts';

/** Settings of posthorn.tenants, by column. */
export type TenantSettings = Readonly<Record<string, string | number | boolean | null>>;

/** A tenant with settings. */
export interface TestTenant {
  readonly id: string;
  set(settings: TenantSettings): Promise<void>;
  /** The worker that owns its limits; undefined: it has no limits. */
  owner(): Promise<number | null | undefined>;
}

export async function limitTenant(
  { pool }: Pick<TestDatabase, 'pool'>,
  { id, ...settings }: TenantSettings & { readonly id: string },
): Promise<TestTenant> {
  const set = async (changes: TenantSettings) => {
    await pool.query(
      `update posthorn.tenants
       set ${Object.keys(changes)
         .map((column, at) => `${column} = $${at + 2}`)
         .join(', ')}
       where id = $1`,
      [id, ...Object.values(changes)],
    );
  };
  await pool.query('insert into posthorn.tenants (id) values ($1)', [id]);
  if (Object.keys(settings).length > 0) await set(settings);
  return {
    id,
    set,
    async owner() {
      const { rows } = await pool.query<{ owner: number | null }>(
        'select owner from posthorn.lane_rules where lane = posthorn.tenant_key($1)',
        [id],
      );
      return rows[0]?.owner;
    },
  };
}
