import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { compare } from '../../src/compare/compare';
import { loadFixtures, loadVariants } from '../../src/compare/load';
import { verdictRow } from '../../src/report/markdown_page';
import { variants as builtIn } from '../../src/variants/index';

const page = (name: string): string =>
  readFileSync(join(__dirname, '..', '..', 'reports', `${name}.md`), 'utf8');
const some = {
  fixtures: ['base-dirty-4k', 'fork-cow-4k', 'swap-after-protect', 'thp-partial'],
  variants: ['uffd-wp-2018', 'page-dirty-check', 'dirty-accountable-false', 'mkwrite-reuse', 'linux-6.1'],
};

// All of them are written anew by: npm run reports
test('reports/ has a page for each variant', () => {
  const missing = builtIn.filter(
    ({ meta }) => !existsSync(join(__dirname, '..', '..', 'reports', `${meta.id}.md`)),
  );
  expect(missing.map(({ meta }) => meta.id)).toEqual([]);
});

test('reports/ says what the model says today; npm run reports writes it anew', async () => {
  const { cells } = await compare(loadFixtures(some.fixtures), loadVariants(some.variants));
  const wrong = cells.filter(({ fixture, variant, verdict }) => {
    const row = `| ${verdictRow(fixture, verdict).join(' | ')} |`;
    return !page(variant).includes(row);
  });
  expect(wrong.map(({ fixture, variant }) => `${fixture} ${variant}`)).toEqual([]);
}, 60_000);
