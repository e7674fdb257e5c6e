/** Steps that were performed one after another, before a race or after it, as a list. */
import type { SoloLine, SoloStep } from '../explore/index';
import { changeText, toldText } from './lanes';
import { columns, indent, pad, paint, type Screen, wrap } from './screen';
import { foldSolo, foldTold } from './solo_fold';

/** Of one step; the others are counted. */
const MOST_CHANGES = 4;
const GAP = 2;

/** @param full whether all steps and all that was told are drawn */
export function drawSolo(title: string, steps: readonly SoloStep[], screen: Screen, full = false): string[] {
  if (steps.length === 0) return [];
  const left = steps.reduce((widest, { actor }) => Math.max(widest, columns(actor)), 0) + GAP;
  const drawn = (full ? steps : foldSolo(steps)).flatMap((step) =>
    typeof step === 'string'
      ? indent(wrap(step, screen.width - 2 - left, 2), left)
      : [
          ...headOf(step, left, screen),
          ...whatCameOf(step, (step.actor === '' ? 0 : left) + 2, screen, full),
        ],
  );
  return [paint(screen).bold(title), ...indent(drawn, 2)];
}

function headOf({ actor, text }: SoloStep, left: number, screen: Screen): string[] {
  if (actor === '') return wrap(text, screen.width - 2);
  const [first, ...rest] = wrap(text, screen.width - 2 - left, 2);
  return [pad(actor, left) + first, ...indent(rest, left)];
}

function whatCameOf({ changes, told }: SoloStep, left: number, screen: Screen, full: boolean): string[] {
  const block = (text: string): string[] => wrap(text, screen.width - 2 - left, 2);
  const shown = changes.slice(0, MOST_CHANGES).map((change) => changeText(change, screen.width - 4 - left));
  const more = changes.length - shown.length;
  const entries = [...shown, ...(more > 0 ? [`and ${more} more changes of entries`] : [])].flatMap(block);
  const tell = (line: SoloLine | string): string[] =>
    typeof line === 'string' ? block(line) : toldText(line, block, screen);
  return indent([...entries, ...(full ? told : foldTold(told)).flatMap(tell)], left);
}
