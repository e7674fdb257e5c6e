/** What `faultline list` shows of the code. To ask the code takes half a second, so the build writes it down. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Listed } from '../report/list';

/** The list that stands written beside the compiled code, or else the list itself. */
export function listOf(name: keyof typeof lists): readonly Listed[] {
  const file = join(__dirname, 'lists.json');
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8'))[name] : lists[name]();
}

export const lists = {
  variants(): Listed[] {
    const { variants } = require('../variants/index') as typeof import('../variants/index');
    return variants.map(({ meta }) => ({ id: meta.id, beside: meta.date, says: meta.title }));
  },
  invariants(): Listed[] {
    const { invariants } = require('../judge/index') as typeof import('../judge/index');
    return invariants.map(({ id, class: kind, says }) => ({ id, beside: kind, says }));
  },
  functions(): Listed[] {
    const { functionNames } =
      require('../workload/kernel_names') as typeof import('../workload/kernel_names');
    return [...functionNames()].sort().map((id) => ({ id, beside: '', says: '' }));
  },
};
