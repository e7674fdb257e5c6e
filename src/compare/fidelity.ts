/** What the doc comments of our kernel functions say they leave out. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Fidelity {
  readonly name: string;
  readonly fidelity: 'Simplified' | 'Stubbed';
  readonly says: string;
}

const folder = join(__dirname, '..', '..', 'src', 'core', 'kernel');
const documented = /\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*(?:export (?:const|function\*?) ?|\*)(\w+)/g;

/** Functions that are simplified or stubbed, by name; none where the sources are not shipped. */
export function reducedFunctions(): ReadonlyMap<string, Fidelity> {
  const files = existsSync(folder) ? readdirSync(folder).filter((file) => file.endsWith('.ts')) : [];
  const found = files.flatMap((file) => reducedIn(readFileSync(join(folder, file), 'utf8')));
  return new Map(found.map((one) => [one.name, one]));
}

export function reducedIn(source: string): Fidelity[] {
  return [...source.matchAll(documented)].flatMap(([, comment, name]) => {
    const text = comment!
      .split('\n')
      .map((line) => line.replace(/^\s*\*?\s?/, '').trim())
      .filter((line) => line !== '')
      .join(' ');
    const said = /^[\w./-]+\.[chS]:[^.]*\. (Simplified|Stubbed): (.*?)(?: Enters |$)/.exec(text);
    return said ? [{ name: name!, fidelity: said[1] as Fidelity['fidelity'], says: said[2]!.trim() }] : [];
  });
}
