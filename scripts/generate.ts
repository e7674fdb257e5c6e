/** Writes the files that are made from the source. A test says when they are stale. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { builtInQuestions } from '../src/compare/load';
import { readDifferences, readObservations } from '../src/compare/observed';
import { renderObservedPage } from '../src/report/observed_page';
import { fixturesPage, schemaText } from '../src/workload/index';
import { commandsPage } from './commands_page';
import { conformPage } from './conform_page';
import { modelPage } from './model_page';
import { signsPage } from './signs_page';

const observedPage = (): string => {
  const questions = new Map(builtInQuestions().map(({ id, asks }) => [id, asks]));
  return renderObservedPage(readObservations(), readDifferences(), questions);
};

export const generated: Readonly<Record<string, () => string>> = {
  'fixtures/schema.json': schemaText,
  'docs/commands.md': commandsPage,
  'docs/conform.md': conformPage,
  'docs/fixtures.md': fixturesPage,
  'docs/model.md': modelPage,
  'docs/observed.md': observedPage,
  'docs/reading-a-trace.md': signsPage,
};

if (require.main === module) {
  for (const [file, text] of Object.entries(generated)) writeFileSync(join(__dirname, '..', file), text());
}
