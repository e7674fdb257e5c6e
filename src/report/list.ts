/** What there is: the lists of `faultline list`. */
import { columns, indent, pad, paint, type Screen, wrap } from './screen';

export interface Listed {
  readonly id: string;
  /** One or two words that stand beside the id, for example a date or a class. */
  readonly beside: string;
  /** A sentence. */
  readonly says: string;
}

export interface ListedGroup {
  readonly title: string;
  readonly entries: readonly Listed[];
}

/** Sentences stand beside the ids where there is room, and below them where there is not. */
export function renderList(groups: readonly ListedGroup[], screen: Screen): string {
  const color = paint(screen);
  const parts = groups.map(({ title, entries }) => {
    const id = Math.max(0, ...entries.map((e) => columns(e.id)));
    const beside = Math.max(0, ...entries.map((e) => columns(e.beside)));
    const left = 2 + id + 2 + beside + (beside > 0 ? 2 : 0);
    const room = screen.width - left;
    const lines = entries.flatMap((entry) => {
      const padded = beside > 0 ? `${pad(entry.id, id)}  ${pad(entry.beside, beside)}` : pad(entry.id, id);
      const start = left - 2 > screen.width ? `${entry.id}  ${entry.beside}` : padded;
      const says = wrap(entry.says, room >= 40 ? room : screen.width - 6);
      if (room < 40) return [...indent(wrap(start.trimEnd(), screen.width - 2, 2), 2), ...indent(says, 6)];
      return [`  ${start}  ${says[0]}`.trimEnd(), ...indent(says.slice(1), left)];
    });
    const heading = wrap(`${title} (${entries.length})`, screen.width, 2).map(color.bold);
    return [...heading, ...lines].join('\n');
  });
  return `${parts.join('\n\n')}\n`;
}
