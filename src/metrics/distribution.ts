import { Histogram, type Registry } from 'prom-client';

interface DistributionOptions {
  readonly name: string;
  readonly help: string;
  readonly registry: Registry;
  /** Upper bounds of the buckets, ascending, without the last one, +Inf. */
  readonly bounds: readonly number[];
  /** The one label it may have, with all its values. */
  readonly label?: { readonly name: string; readonly values: readonly string[] };
}

/**
 * A histogram for the hot path of every webhook. Its label values are known in advance and addressed by position.
 * prom-client's own histogram looks its labels up for each value, also through labels(), which takes ten times as long.
 */
export class Distribution extends Histogram {
  readonly #name: string;
  readonly #help: string;
  readonly #bounds: readonly number[];
  readonly #labels: readonly Readonly<Record<string, string>>[];
  /** Counts per label value and bucket. */
  readonly #counts: Float64Array;
  readonly #sums: Float64Array;

  constructor({ name, help, registry, bounds, label }: DistributionOptions) {
    const labelNames = label === undefined ? [] : [label.name];
    super({ name, help, labelNames, buckets: [...bounds], registers: [registry] });
    this.#name = name;
    this.#help = help;
    this.#bounds = bounds;
    this.#labels = label?.values.map((value) => ({ [label.name]: value })) ?? [{}];
    this.#counts = new Float64Array(this.#labels.length * (bounds.length + 1));
    this.#sums = new Float64Array(this.#labels.length);
  }

  /** Adds a value; `at`: the position of the label's value. */
  note(value: number, at = 0): void {
    const bounds = this.#bounds;
    let bucket = 0;
    while (bucket < bounds.length && value > (bounds[bucket] ?? 0)) bucket += 1;
    const index = at * (bounds.length + 1) + bucket;
    this.#counts[index] = (this.#counts[index] ?? 0) + 1;
    this.#sums[at] = (this.#sums[at] ?? 0) + value;
  }

  /** Both get() and a registry call this. prom-client has no other way to read counts that were made elsewhere. */
  async getForPromString(): Promise<object> {
    const values = this.#labels.flatMap((labels, at) => this.#series(labels, at));
    return { name: this.#name, help: this.#help, type: 'histogram', aggregator: 'sum', values };
  }

  #series(sharedLabels: Readonly<Record<string, string>>, at: number) {
    const width = this.#bounds.length + 1;
    const metricName = `${this.#name}_bucket`;
    let count = 0;
    const buckets = [...this.#bounds, '+Inf'].map((le, bucket) => {
      count += this.#counts[at * width + bucket] ?? 0;
      return { metricName, labels: { le }, sharedLabels, value: count };
    });
    return [
      ...buckets,
      { metricName: `${this.#name}_sum`, labels: {}, sharedLabels, value: this.#sums[at] ?? 0 },
      { metricName: `${this.#name}_count`, labels: {}, sharedLabels, value: count },
    ];
  }
}
