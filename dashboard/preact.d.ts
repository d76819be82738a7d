// What the dashboard uses of /dashboard/vendor/preact.js: Preact as htm ships it, which has no types of its own.
// For the type checker alone: it is neither served nor in the package.

/** What a template makes, ready to be put into another template. */
export interface Markup {
  readonly props: object;
}

// biome-ignore lint/suspicious/noExplicitAny: a template does not know what its attribute is called with.
type Called = (...given: any[]) => unknown;

/** What may stand in a template: text, markup and lists of it, attributes, components and handlers. */
export type Value = Called | string | number | boolean | object | null | undefined;

export function html(strings: TemplateStringsArray, ...values: Value[]): Markup;
export function render(markup: Markup, into: Element): void;

type Next<State> = State | ((before: State) => State);
export function useState<State>(first: State | (() => State)): [State, (next: Next<State>) => void];

// biome-ignore lint/suspicious/noConfusingVoidType: an effect returns nothing, or what ends it.
export function useEffect(effect: () => (() => void) | void, when?: readonly unknown[]): void;

export interface Ref<Held> {
  current: Held | null;
}
export function useRef<Held extends object>(first: Held): { current: Held };
export function useRef<Held>(first: null): Ref<Held>;
