import type { Content } from './webhook.ts';

/**
 * Your event types and the types of their bodies. It has no members until you add those that "posthorn types" generates:
 *
 *     import type { PosthornEvents } from './posthorn-events.d.ts';
 *     declare module 'posthorn/producer' {
 *       interface EventTypes extends PosthornEvents {}
 *     }
 *
 * From then on the compiler checks every event that your program publishes.
 */
// biome-ignore lint/suspicious/noEmptyInterface: your program adds its members.
export interface EventTypes {}

/** The events that publish() takes if you name no others: those of {@link EventTypes}, or any if it has no members. */
export type KnownEvents = [keyof EventTypes] extends [never] ? AnyEvents : EventTypes;

/**
 * An event, for all endpoints of the tenant that subscribe to it. Omitted fields get the defaults of posthorn.outbox.
 *
 * With the interface that "posthorn types" generates, the compiler checks that the type is in the catalogue and the body
 * fits it: NewEvent<PosthornEvents>. A body that is a JSON string by itself has no such type, because a string is sent as
 * its text.
 */
export type NewEvent<Events extends object = KnownEvents> = {
  readonly [Type in keyof Events & string]: Content<BodyOf<Events[Type]>> & {
    /** What happened, in words of letters, digits, "_" and "-" with dots between them, such as "order.paid". */
    readonly eventType: Type;
  };
}[keyof Events & string];

/** Events of all types, of whose bodies nothing is known. */
export type AnyEvents = Readonly<Record<string, unknown>>;

type BodyOf<Known> = unknown extends Known ? string | object : Exclude<Known, string>;
