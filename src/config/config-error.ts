/** Settings that cannot be used. The message has a line for each: the variable, its rule, and the value unless it may be secret. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}
