import { mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { reportArguments } from '../../scripts/generate_reports';
import { main } from '../../src/cli/main';
import { pageFile } from '../../src/report/markdown';
import { variants } from '../../src/variants/index';

const committed = join(__dirname, '..', '..', 'reports');

test('reports/ has an overview and a page for each variant', () => {
  const pages = variants.map(({ meta }) => pageFile(meta.id));
  expect(readdirSync(committed).sort()).toEqual(['README.md', ...pages].sort());
});

// Every line of it: the conformance of the model to what it said before. npm run reports writes it anew.
test('reports/ says what the model says today', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'faultline-'));
  const quiet = { write: () => true };
  const terminal = { stdout: quiet, stderr: quiet, env: {}, onInterrupt: () => () => {} };
  expect(await main([...reportArguments, '--output', folder], terminal)).toBe(0);
  const stale = readdirSync(folder).filter(
    (file) => readFileSync(join(folder, file), 'utf8') !== readFileSync(join(committed, file), 'utf8'),
  );
  expect(stale).toEqual([]);
}, 300_000);
