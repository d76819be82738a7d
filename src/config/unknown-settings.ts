import { nearest } from '../domain/nearest.ts';
import type { Env } from './config.ts';
import { settingNames } from './settings.ts';

/** A POSTHORN_ variable that nothing reads, probably a typo. */
export interface UnknownSetting {
  readonly name: string;
  /** The setting that was probably meant. */
  readonly nearest: string | undefined;
}

/** Finds the variables that begin with POSTHORN_ and that nothing reads. */
export function unknownSettings(env: Env): UnknownSetting[] {
  return Object.entries(env)
    .filter(([name]) => name.startsWith('POSTHORN_') && !settingNames.includes(name))
    .filter(([name, value = '']) => !isOfTests(name) && !isOfKubernetes(name, value))
    .map(([name]) => ({ name, nearest: nearest(name, settingNames) }));
}

/** Only tests read these. They may share their environment with a service. */
function isOfTests(name: string): boolean {
  return name.startsWith('POSTHORN_TEST_');
}

/** Kubernetes sets such variables in every pod next to a Service named posthorn or posthorn-something. */
function isOfKubernetes(name: string, value: string): boolean {
  return (
    /_SERVICE_(HOST|PORT(_[A-Z0-9_]+)?)$/.test(name) ||
    /_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$/.test(name) ||
    (name.endsWith('_PORT') && /^(tcp|udp|sctp):\/\//.test(value))
  );
}
