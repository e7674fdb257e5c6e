/** How the text of a step may look, for messages and for the documentation. */
import { type Part, verbs } from './step_grammar';

/** How a part is written in a usage line; optional parts in brackets of their own. */
function usageOf(part: Part): string {
  switch (part.kind) {
    case 'pages': {
      if (part.whole) return 'REGION';
      const plain = part.one ? 'REGION[I]' : 'REGION | REGION[I] | REGION[I..J]';
      const all = part.fault ? `${plain} | fault` : plain;
      return part.optional ? `(${all})?` : part.one && !part.fault ? all : `(${all})`;
    }
    case 'value':
      return '(= N)?';
    case 'to':
      return 'to REGION';
    case 'word':
      return part.of.length === 1 ? part.of[0]! : `(${part.of.join(' | ')})${part.optional ? '?' : ''}`;
    case 'flags':
      return part.of.map((flag) => `${flag}?`).join(' ');
    case 'features':
      return `(features=${part.of.join(',')})?`;
    case 'name': {
      const name = part.of === 'userfaultfd' ? 'NAME' : part.of.toUpperCase();
      return part.optional ? `${name}?` : name;
    }
    case 'filePage':
      return 'FILE[I]';
    case 'node':
      return '(node N)?';
    case 'with':
      return '(with NAME)?';
  }
}

/** The verb with its parts: `?` is "may be left out", `|` is "or". */
export function usage(verb: string): string {
  return [verb, ...verbs[verb]!.parts.map(usageOf)].join(' ');
}
