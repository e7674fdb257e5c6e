/** The start of a run that is told, with what the judge finds in it. */
import type { KernelClass } from '../core/index';
import { prepareTold, type ToldStart } from '../explore/index';
import type { Workload } from '../workload/index';
import type { Notes } from './notes';
import { observer } from './observer';

/** What was found broken, as `invariant: what was seen`. */
export const foundIn = ({ found }: Notes): string[] =>
  [...found].map(([id, { class: kind, saw }]) => `${id}${kind === 'spurious' ? ' (spurious)' : ''}: ${saw}`);

/** @param Kernel built with tellAll */
export const prepareJudged = (workload: Workload, Kernel: KernelClass): ToldStart<Notes> =>
  prepareTold(workload, Kernel, observer, foundIn);
