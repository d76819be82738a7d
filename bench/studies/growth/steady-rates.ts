/** Webhooks a second of the steady traffic. */
export const steadyRates = [100, 500] as const;
