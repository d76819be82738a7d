import type { CommonQueryMethods } from 'slonik';
import type { CheckMode } from '../domain/check-mode.ts';
import { type ProblemPart, shown } from '../input/problem.ts';
import type { Log } from '../log.ts';
import { type CheckedType, findSchemas } from '../queries/event-types.ts';
import { type CompiledSchema, compileSchema } from './compiled-schema.ts';

/** An event of a request, and where it is there. */
interface GivenEvent {
  readonly eventType: string;
  /** The exact text to send. */
  readonly body: string;
  /** A JSON pointer to the event in the request; '' if the request is the event. */
  readonly at: string;
}

/** Compares events with the catalogue; the result is all that is wrong with them. */
export type EventCheck = (events: readonly GivenEvent[]) => Promise<readonly ProblemPart[]>;

/** A type that was looked up. */
interface KnownType {
  readonly lookedUpMs: number;
  /** Undefined: it is not in the catalogue. */
  readonly row: CheckedType | undefined;
  /** Undefined: it has no schema. */
  readonly check: CompiledSchema | undefined;
}

/** A change of the catalogue takes effect in all processes after so long. */
const maxAgeMs = 2_000;
/** Names come from callers: strict mode remembers those that are not there, too. */
const maxRemembered = 1_000;

/** Makes the check of a process. Undefined: nothing is checked. */
export function createEventCheck({
  pool,
  log,
  mode,
}: {
  readonly pool: Pick<CommonQueryMethods, 'any'>;
  readonly log: Log;
  readonly mode: CheckMode;
}): EventCheck | undefined {
  if (mode === 'off') return undefined;
  const known = new KnownTypes(pool, log);
  return async (events) => {
    const types = await known.find(new Set(events.map(({ eventType }) => eventType)));
    return events.flatMap((event) => {
      const part = faultOf(event, { type: types.get(event.eventType), mode });
      return part === undefined ? [] : [part];
    });
  };
}

/** Types by name, looked up when they were not for a while. */
class KnownTypes {
  readonly #pool: Pick<CommonQueryMethods, 'any'>;
  readonly #log: Log;
  /** The one that was looked up longest ago comes first. */
  readonly #byName = new Map<string, KnownType>();

  constructor(pool: Pick<CommonQueryMethods, 'any'>, log: Log) {
    this.#pool = pool;
    this.#log = log;
  }

  async find(names: ReadonlySet<string>): Promise<ReadonlyMap<string, KnownType>> {
    const nowMs = performance.now();
    const isFresh = (type: KnownType | undefined) =>
      type !== undefined && type.lookedUpMs > nowMs - maxAgeMs;
    const wanted = [...names].filter((name) => !isFresh(this.#byName.get(name)));
    const rows = wanted.length === 0 ? [] : await findSchemas(this.#pool, wanted);
    const byName = new Map(rows.map((row) => [row.name, row]));
    const found = new Map<string, KnownType>();
    for (const name of names) {
      const before = this.#byName.get(name);
      if (before !== undefined && isFresh(before)) {
        found.set(name, before);
        continue;
      }
      const row = byName.get(name);
      const isSame = before !== undefined && row?.version === before.row?.version;
      const check = isSame ? before.check : await this.#compile(row);
      const type = { lookedUpMs: nowMs, row, check };
      found.set(name, type);
      this.#byName.delete(name);
      this.#byName.set(name, type);
    }
    for (const name of this.#byName.keys()) {
      if (this.#byName.size <= maxRemembered) break;
      this.#byName.delete(name);
    }
    return found;
  }

  /** A schema that came into the table past the API may be none. Then nothing is checked, and the log says so. */
  async #compile(row: CheckedType | undefined): Promise<CompiledSchema | undefined> {
    if (row === undefined || row.schema === null) return undefined;
    try {
      return await compileSchema(row.schema);
    } catch (error) {
      const cause = error instanceof Error ? error.message : String(error);
      this.#log.error(
        { eventType: row.name, error: cause },
        'The schema of an event type is no JSON Schema, so that its events are not checked',
      );
      return undefined;
    }
  }
}

function faultOf(
  { eventType, body, at }: GivenEvent,
  { type, mode }: { readonly type: KnownType | undefined; readonly mode: CheckMode },
): ProblemPart | undefined {
  if (type?.row === undefined) {
    if (mode !== 'strict') return undefined;
    const detail = `event_type must be in the catalogue of event types: "${shown(eventType)}" is not (POSTHORN_CHECK_EVENTS is strict)`;
    return { pointer: `${at}/event_type`, code: 'event_type_is_in_the_catalogue', detail };
  }
  const { check } = type;
  if (check === undefined) return undefined;
  const read = parsed(body);
  if (!read.ok) {
    const detail = `body must be JSON, because the event type ${shown(eventType)} has a schema`;
    return { pointer: `${at}/body`, code: 'event_body_is_json', detail };
  }
  const fault = check(read.value);
  if (fault === undefined) return undefined;
  const where = fault.pointer === '' ? '' : ` at ${shown(fault.pointer)}`;
  return {
    pointer: `${at}/body${fault.pointer.slice(0, 512)}`,
    code: 'event_body_fits_its_schema',
    detail: `body must fit the schema of the event type ${shown(eventType)}: the value${where} ${shown(fault.detail)} (rule ${shown(fault.rule)})`,
  };
}

function parsed(
  text: string,
): { readonly ok: true; readonly value: unknown } | { readonly ok: false } {
  try {
    return { ok: true, value: JSON.parse(text) };
  } catch {
    return { ok: false };
  }
}
