/**
 * Thrown when settings are invalid. The message has a line for each: the variable, its rule, and its value unless that
 * may be secret.
 */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}
