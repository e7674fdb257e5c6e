import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { quoted, shownOf } from '../scripts/generate_readme';
import { costHeads } from '../src/report/cost';
import { classes, classWords } from '../src/report/words';
import { variants } from '../src/variants/index';

const readme = readFileSync(join(__dirname, '..', 'README.md'), 'utf8');
const blocks = quoted(readme);
const RUN_GENERATE = 'npm run generate writes what the README shows';

test('the README opens with the question and the table', () => {
  expect(blocks[0]?.command).toBe('faultline compare');
  expect(readme.indexOf('<!-- $ faultline compare -->')).toBeLessThan(2000);
});

// To run everything takes minutes, so that of the table only the rows and heads are compared.
test(`the table has every variant and every class: ${RUN_GENERATE}`, () => {
  const { shown } = blocks[0]!;
  const rows = [...shown.matchAll(/^\d+ ([\w.-]+) /gm)].map(([, id]) => id);
  const ids = variants.map(({ meta }) => meta.id);
  expect([...new Set(rows)].sort()).toEqual([...ids].sort());
  for (const one of classes) expect(shown).toContain(`  ${classWords[one].word} `);
  expect(shown).toContain(costHeads.faults);
  expect(shown).toContain('The run behind a cell: faultline explain FIXTURE VARIANT');
});

test.each(blocks.slice(1))(
  `$command prints what the README shows: ${RUN_GENERATE}`,
  async ({ command, shown }) => expect(await shownOf(command)).toBe(shown),
  60_000,
);
