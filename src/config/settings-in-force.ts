import { resolve } from 'node:path';
import type { Config } from './config.ts';
import { alertSettings, type Setting, settings } from './settings.ts';

/** A setting and the value in force, for people. */
export interface SettingInForce {
  readonly name: string;
  readonly value: string;
}

/** The settings in force in this process. Of a secret it shows only that it is set; of a server only its address. */
export function settingsInForce(
  config: Config,
  database: { readonly isEmbedded: boolean; readonly allowNetworks: readonly string[] },
): SettingInForce[] {
  const { isEmbedded, allowNetworks } = database;
  const { alerts, ...own } = config;
  // With the embedded Postgres, some values differ from the environment's.
  const inForce = { ...own, allowNetworks };
  const rows = [
    ...rowsOf(settings, inForce),
    ...rowsOf(alertSettings, { ...alerts, ...alerts.thresholds }),
  ];
  return rows.map(({ name, value }) => {
    if (name === settings.dataDir.name) {
      return { name, value: isEmbedded ? resolve(config.dataDir) : 'not in use' };
    }
    if (name === settings.databaseUrl.name && config.databaseUrl === undefined) {
      return { name, value: 'the embedded Postgres' };
    }
    if (name === settings.keyRing.name && isEmbedded && config.keyRing === undefined) {
      return { name, value: 'not set: the key file of the embedded Postgres' };
    }
    return { name, value };
  });
}

function rowsOf(
  table: Readonly<Record<string, Setting<unknown>>>,
  values: Readonly<Record<string, unknown>>,
): SettingInForce[] {
  return Object.entries(table).map(([key, { name, kind }]) => {
    const value = values[key];
    return { name, value: value === undefined ? 'not set' : kind.show(value) };
  });
}
