import { nearest } from '../domain/nearest.ts';
import { readConfig } from './config.ts';
import type { Env } from './environment.ts';

/** The names of all settings: those that the configuration asks for. */
export function settingNames(): string[] {
  const names = new Set<string>();
  const get = (_: object, name: string | symbol) => {
    names.add(String(name));
    return undefined;
  };
  readConfig(new Proxy({}, { get }));
  return [...names];
}

/** A variable that looks like a setting and is none: whoever set it believes in it. */
export interface UnknownSetting {
  readonly name: string;
  /** What was probably meant. */
  readonly nearest: string | undefined;
}

/** The variables that begin with POSTHORN_ and that nobody reads. */
export function unknownSettings(env: Env): UnknownSetting[] {
  const known = settingNames();
  return Object.entries(env)
    .filter(([name]) => name.startsWith('POSTHORN_') && !known.includes(name))
    .filter(([name, value = '']) => !isOfTests(name) && !isOfKubernetes(name, value))
    .map(([name]) => ({ name, nearest: nearest(name, known) }));
}

/** Only the tests read these, from the environment that they may share with a service. */
function isOfTests(name: string): boolean {
  return name.startsWith('POSTHORN_TEST_');
}

/** What Kubernetes gives every pod beside a Service that is named posthorn or posthorn-something. */
function isOfKubernetes(name: string, value: string): boolean {
  return (
    /_SERVICE_(HOST|PORT(_[A-Z0-9_]+)?)$/.test(name) ||
    /_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$/.test(name) ||
    (name.endsWith('_PORT') && /^(tcp|udp|sctp):\/\//.test(value))
  );
}
