/** The text of a step, which parseStep() reads as the same step. */
import type { Item, Range, UserStep } from './fixture';
import { isRepeat } from './fixture';
import { type Part, verbs } from './step_grammar';

export function showRange(on: Range): string {
  if (on.whole) return on.region;
  return `${on.region}[${on.first === on.last ? on.first : `${on.first}..${on.last}`}]`;
}

function showPart(part: Part, step: UserStep): string {
  switch (part.kind) {
    case 'pages':
      return step.onFault ? 'fault' : step.on ? showRange(step.on) : '';
    case 'value':
      return step.value === null ? '' : `= ${step.value}`;
    case 'to':
      return `to ${step.to}`;
    case 'word':
      return step.word ?? '';
    case 'flags':
      return step.flags.join(' ');
    case 'features':
      return step.features.length > 0 ? `features=${step.features.join(',')}` : '';
    case 'name':
      return step.name ?? '';
    case 'filePage':
      return `${step.name}[${step.filePage}]`;
    case 'node':
      return step.node === null ? '' : `node ${step.node}`;
    case 'with':
      return step.uffd === null ? '' : `with ${step.uffd}`;
  }
}

export function showStep(step: UserStep): string {
  const parts = verbs[step.verb]!.parts.map((part) => showPart(part, step));
  return [step.verb, ...parts.filter((text) => text !== '')].join(' ');
}

/** Items of a fixture do not change, and every run tells them again. */
const shown = new WeakMap<Item, string>();

/** A step or a repetition in one line. */
export function showItem(item: Item): string {
  let text = shown.get(item);
  if (text === undefined) {
    text = isRepeat(item) ? `repeat ${item.repeat}: ${item.steps.map(showItem).join('; ')}` : showStep(item);
    shown.set(item, text);
  }
  return text;
}
