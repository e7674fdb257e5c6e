/** Differences as people read them: of hundreds of messages, the first few that differ, and how many there are. */
import type { Difference } from './agreement';

/** A text that is no longer is printed as it is. */
const LONG = 240;
const SHOWN = 3;
/** Of one text, whatever it is: a line has the two sides and some words. */
const LONGEST = 600;

export interface Sides {
  readonly kernel: string;
  readonly model: string;
}

export function shortSides({ real, model }: Difference): Sides {
  if (real.length <= LONG && model.length <= LONG) return { kernel: real, model };
  const separator = `${real}${model}`.includes('; ') ? '; ' : ', ';
  const [r, m] = [itemsOf(real, separator), itemsOf(model, separator)];
  const alike = lengthOfCommon(r, m);
  const end = lengthOfCommon(r.slice(alike).reverse(), m.slice(alike).reverse());
  const sideOf = (items: readonly string[]): string => sideText(items, alike, end, separator);
  return { kernel: sideOf(r), model: sideOf(m) };
}

const itemsOf = (text: string, separator: string): string[] => (text === '' ? [] : text.split(separator));

function lengthOfCommon(a: readonly string[], b: readonly string[]): number {
  const first = a.findIndex((item, i) => item !== b[i]);
  return first < 0 ? a.length : first;
}

/** @param alike items at the beginning that both sides have, `end` at the end */
function sideText(items: readonly string[], alike: number, end: number, separator: string): string {
  const own = items.slice(alike, items.length - end);
  const shown = own.slice(0, SHOWN);
  const more = own.length - shown.length;
  return [
    alike > 0 ? `(${alike} alike) ` : '',
    shown.length > 0 ? cut(shown.join(separator)) : 'none',
    more > 0 ? ` (and ${more} more that differ)` : '',
    end > 0 ? ` (${end} alike)` : '',
  ].join('');
}

/** No text is longer than fits a few lines. */
export function cut(text: string): string {
  if (text.length <= LONGEST) return text;
  return `${text.slice(0, LONGEST)} (and ${text.length - LONGEST} more characters)`;
}
