/** How an operation of the API is asked for. */
export interface Operation {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** With at most one parameter, such as /webhooks/{id}. */
  readonly path: string;
  /** To do it twice is as good as to do it once. */
  readonly mayRepeat?: boolean;
  /** It takes an idempotency key, or one for each of its events. With one it may be repeated too. */
  readonly keys?: 'one' | 'each event';
  /** It is a list with pages. */
  readonly page?: Page;
  /** Statuses that are answers, although they are no 2xx. */
  readonly alsoAnswers?: readonly number[];
  /** Its answer is text and not JSON. */
  readonly isText?: boolean;
}

export interface Page {
  /** The member of the answer that has the items. */
  readonly items: string;
  /** The member of the answer that says where the next page begins; null on the last one. */
  readonly next: string;
  /** The parameter that takes it. */
  readonly from: string;
}

/** The path parameter and all fields of a request, by name. */
export type Fields = Readonly<Record<string, unknown>>;
