/** Nothing can be run here: exit code 4 with the reason. */
export class CannotRunError extends Error {
  override name = 'CannotRunError';
}
